# Home Manager's own activation, around the real module system; the rest takes anything.
{
  lib,
  homeManager,
  library,
}:
let
  inherit (lib) mkOption types;
  extended = import (homeManager + "/modules/lib/stdlib-extended.nix") lib;
  anything = mkOption {
    type = types.anything;
    default = { };
  };
  directory = path: mkOption { default = path; };
in
config:
extended.evalModules {
  specialArgs = {
    lib = extended;
    pkgs = throw "these tests bring their own library";
  };
  modules = [
    ../../modules/home-manager.nix
    {
      options = {
        assertions = mkOption {
          type = types.listOf types.anything;
          default = [ ];
        };
        home.packages = mkOption {
          type = types.listOf types.anything;
          default = [ ];
        };
        home.sessionVariables = anything;
        home.activation = mkOption {
          type = extended.hm.types.dagOf types.str;
          default = { };
        };
        services.ollama.environmentVariables = anything;
        xdg.cacheHome = directory "/home/me/.cache";
        xdg.dataHome = directory "/home/me/.local/share";
        xdg.stateHome = directory "/home/me/.local/state";
      };
    }
    { programs.ai-models = { inherit library; }; }
    config
  ];
}
