# The real flake-parts around perSystem.ai-models, for one system and without an input of nixpkgs.
{
  lib,
  flakeParts,
  library,
}:
config:
let
  parts =
    ((import (flakeParts + "/flake.nix")).outputs {
      inherit self;
      nixpkgs-lib = { inherit lib; };
    }).lib;
  self = {
    outPath = "/self";
    inputs = { inherit self; };
  };
  flake = parts.evalFlakeModule { inputs = { inherit self; }; } {
    systems = [ "x86_64-linux" ];
    imports = [ ../../modules/flake-parts.nix ];
    perSystem = {
      imports = [ config ];
      _module.args.pkgs = lib.mkDefault (throw "these tests bring their own library");
      ai-models = { inherit library; };
    };
  };
in
{
  inherit (flake.config.flake) devShells packages;
  inherit (flake.config.allSystems.x86_64-linux) ai-models;
  # Of the one system, for the page about options.
  options = (flake.options.perSystem.type.getSubOptions [ ]);
}
