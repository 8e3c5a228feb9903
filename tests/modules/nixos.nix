# The parts of NixOS that services.ai-models writes to, as options that take anything, around the real
# module system. NixOS itself is not here: its modules need nixpkgs.
{ lib, library }:
let
  inherit (lib) mkOption types;
  anything = mkOption {
    type = types.anything;
    default = { };
  };
  lists = mkOption {
    type = types.listOf types.anything;
    default = [ ];
  };
in
config:
lib.evalModules {
  specialArgs.pkgs = throw "these tests bring their own library";
  modules = [
    ../../modules/nixos.nix
    {
      options = {
        assertions = lists;
        environment.systemPackages = lists;
        environment.sessionVariables = anything;
        systemd.tmpfiles.rules = lists;
        systemd.services = mkOption {
          type = types.attrsOf types.anything;
          default = { };
        };
        users.groups = anything;
        nix.package = mkOption { default = "/nix-package"; };
        nix.settings.extra-sandbox-paths = lists;
        services.ollama = anything;
        services.llama-cpp = anything;
        # As in the specification's 14.1.
        services.vllm.enable = lib.mkEnableOption "vllm";
        services.vllm.model = mkOption { type = types.package; };
        age = anything;
      };
    }
    { services.ai-models = { inherit library; }; }
    config
  ];
}
