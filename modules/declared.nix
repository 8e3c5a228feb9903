# The models that a configuration declares, as arguments of fetchModel.
{ lib }:
let
  inherit (lib) filterAttrs mapAttrs;
  inherit (import ./options.nix { inherit lib; }) given;
  readLock = import ../lib/internal/lockfile.nix;
  readArguments = import ../lib/internal/arguments.nix;

  # Attributes of a model that are the modules' own.
  own = [
    "enable"
    "package"
    "path"
  ];

  # The entries of the lock file; none where it is not there, which is told as a problem.
  locked =
    cfg: if cfg.lockFile != null && builtins.pathExists cfg.lockFile then (readLock cfg.lockFile).models else { };

  # What was given for a model, and its pin of the lock file unless it has another.
  complete =
    cfg: name: model:
    let
      all = given (removeAttrs model own);
      args = if all.source or { } == { } then removeAttrs all [ "source" ] else all;
      pinned = args ? hash || args ? fileHashes || args ? lock || args.impure or false == true;
      entries = locked cfg;
    in
    args // (if !pinned && entries ? ${name} then { lock = entries.${name}; } else { });

  arguments = cfg: mapAttrs (complete cfg) (filterAttrs (_: model: model.enable) cfg.models);

  # What fetchModel makes of them.
  readings = cfg: mapAttrs (_: readArguments) (arguments cfg);
in
{
  inherit locked arguments readings;

  # Those that fetchModel would take.
  sound = cfg: filterAttrs (_: model: model.problems == [ ]) (readings cfg);
}
