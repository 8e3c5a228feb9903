/**
  Gives shell text for a `shellHook`, or for direnv's `.envrc`, that brings models into scope.

  # Inputs

  `models`
  : a list or an attribute set of models.

  # Type

  ```
  mkShellHook :: [Derivation] | { Derivation } -> String
  ```

  # Examples

  ```nix
  pkgs.mkShell { shellHook = mkShellHook [ models.phi-2 ]; }
  ```
*/
{ lib, ... }:
models:
(import ./internal/text.nix).shell (import ./internal/together.nix { inherit lib models; })
