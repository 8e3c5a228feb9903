/**
  Reads a lock file and gives a model for each of its names.

  # Inputs

  `path`
  : the lock file, as `nix-ai-model lock` writes it.

  Each value is what `fetchModel` gives; its `override` changes arguments of that one model.

  # Type

  ```
  fromLock :: Path -> AttrSet
  ```

  # Examples

  ```nix
  (fromLock ./models.lock.json).minilm
  (fromLock ./models.lock.json).minilm.override { security.policy = "scanned"; }
  ```
*/
{ lib, ... }:
path:
builtins.mapAttrs (
  name: entry:
  lib.fetchModel {
    inherit name;
    lock = entry;
  }
) (import ./internal/lockfile.nix path).models
