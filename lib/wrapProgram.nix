/**
  Wraps a program so that it finds models, and nothing else changes for anybody.

  # Inputs

  `program`
  : absolute path of the program.

  `models`
  : a list or an attribute set of models.

  `name`
  : name of the wrapper in `bin/`; by default that of the program.

  `environment`
  : more variables to set.

  `arguments`
  : words that come before those of whoever runs it.

  # Type

  ```
  wrapProgram :: { program, models, name ?, environment ?, arguments ? } -> Derivation
  ```

  # Examples

  ```nix
  wrapProgram { program = "${pkgs.vllm}/bin/vllm"; models = [ models.phi-2 ]; }
  ```
*/
{ toolchain, lib, ... }:
{
  program,
  models,
  name ? baseNameOf (builtins.unsafeDiscardStringContext program),
  environment ? { },
  arguments ? [ ],
}:
let
  text = import ./internal/text.nix;
  inherit (builtins) concatStringsSep filter;
  together = import ./internal/together.nix { inherit lib models; };
  fetches = map (model: "${model}/bin/fetch-${model.name}\n") (
    filter (model: model.lazy) (import ./internal/listed.nix models)
  );
in
import ./internal/script.nix toolchain {
  inherit name;
  text = concatStringsSep "" (
    fetches
    ++ [
      (text.shell (together // environment))
      "exec ${concatStringsSep " " (map text.shellWord ([ program ] ++ arguments))} \"$@\"\n"
    ]
  );
}
