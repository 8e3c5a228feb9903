/**
  Merges models into one Ollama store, the value of `OLLAMA_MODELS`.

  A model from an Ollama registry keeps its manifest; of any other the GGUF file is taken, with the
  template, system text and parameters of its `integration.ollama`.

  # Inputs

  `models`
  : a list or an attribute set of models.

  # Type

  ```
  mkOllamaStore :: [Derivation] | { Derivation } -> Derivation
  ```

  # Examples

  ```nix
  services.ollama.models = "${mkOllamaStore [ models.phi-2 ]}";
  ```
*/
{ toolchain, ... }:
models:
let
  build = import ./internal/python.nix toolchain {
    parts = [
      "common"
      "layouts"
      "cli/__init__.py"
      "cli/build_ollama.py"
    ];
    module = "cli.build_ollama";
  };
in
build {
  name = "ai-models-ollama";
  plan = builtins.toJSON {
    models = map (model: model.ollama // { path = toString model; }) (import ./internal/listed.nix models);
  };
  passAsFile = [ "plan" ];
  allowSubstitutes = false;
}
