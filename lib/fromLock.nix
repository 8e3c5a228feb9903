/**
  Reads a lock file and gives a model for each of its names.

  # Inputs

  `path`
  : the lock file, as `nix-ai-model lock` writes it.

  Each value is a derivation; its `override` gives one with other attributes.

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
  # NB: no `__functor` for overriding: nix-build calls whatever can be called, and finds no derivation.
  lib.fetchModel {
    inherit name;
    lock = entry;
  }
) (import ./internal/lockfile.nix path).models
