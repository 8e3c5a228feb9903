/**
  Reads a lock file and gives a model for each of its names.

  # Inputs

  `path`
  : the lock file, as `nix-ai-model lock` writes it.

  Each value can be used as a derivation, or called with attributes to override.

  # Type

  ```
  fromLock :: Path -> AttrSet
  ```

  # Examples

  ```nix
  (fromLock ./models.lock.json).minilm
  (fromLock ./models.lock.json).minilm { security.policy = "scanned"; }
  ```
*/
{ lib, ... }:
path:
builtins.mapAttrs (
  name: entry:
  let
    base = {
      inherit name;
      lock = entry;
    };
  in
  lib.fetchModel base // { __functor = _: change: lib.fetchModel (base // change); }
) (import ./internal/lockfile.nix path).models
