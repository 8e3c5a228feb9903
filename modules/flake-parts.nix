# perSystem.ai-models for flake-parts: models as packages, and a shell hook for all of them.
{ lib, flake-parts-lib, ... }:
{
  options.perSystem = flake-parts-lib.mkPerSystemOption (
    { config, pkgs, ... }:
    let
      inherit (lib) mapAttrs mkOption types;
      cfg = config.ai-models;
      common = import ./common.nix {
        inherit lib;
        root = "perSystem.ai-models";
        defaultLibrary = import ../lib { toolchain = import ../lib/toolchain.nix pkgs; };
      };
      errors = import ../lib/errors.nix;
      reading = common.read cfg;
      # flake-parts has no assertions: what is wrong is told when any of the models is asked for.
      packages =
        if reading.problems == [ ] then reading.packages else errors.refuse "perSystem" reading.problems;
    in
    {
      options.ai-models = removeAttrs (common.options cfg (name: "${packages.${name}}")) [ "offline" ] // {
        exportPackages = mkOption {
          type = types.bool;
          default = true;
          example = false;
          description = "Whether every model is a package of the flake, under its name.";
        };

        shellPackages = mkOption {
          type = types.listOf types.package;
          readOnly = true;
          description = "The command, and the wrappers that models ask for, for `pkgs.mkShell`.";
        };

        shellHook = mkOption {
          type = types.lines;
          readOnly = true;
          description = "Shell text that brings all models into scope, for `pkgs.mkShell`.";
        };
      };

      config = lib.mkMerge [
        {
          ai-models = {
            models = mapAttrs (_: _: { }) (common.locked cfg);
            shellHook = if cfg.enable then cfg.library.mkShellHook packages else "";
            shellPackages =
              if cfg.enable then [ cfg.library.command ] ++ reading.wrappers ++ reading.fetchCommands else [ ];
          };
        }
        (lib.mkIf (cfg.enable && cfg.exportPackages) { inherit packages; })
      ];
    }
  );
}
