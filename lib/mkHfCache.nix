/**
  Merges models into one Hugging Face cache, in which equal files are one file.

  Several revisions of a repository become one entry; two of them that claim the same name, such as
  `main`, for different commits fail the build.

  # Inputs

  `models`
  : a list or an attribute set of models.

  The result is a value for `HF_HOME`; its `hub` is one for `HF_HUB_CACHE`.

  # Type

  ```
  mkHfCache :: [Derivation] | { Derivation } -> Derivation
  ```

  # Examples

  ```nix
  mkHfCache [ models.minilm models.phi-2 ]
  ```
*/
{ toolchain, ... }:
models:
let
  errors = import ./errors.nix;
  inherit (builtins) filter;
  listed = import ./internal/listed.nix models;
  without = filter (model: !(model ? hub)) listed;
  cached =
    if without == [ ] then
      listed
    else
      errors.refuse "mkHfCache" (
        map (
          model:
          errors.badValue "models" "has a model that no Hugging Face cache can hold" (model.name or "no model")
            "leave it out, or name it: integration.huggingface = { org = \"ORG\"; model = \"NAME\"; };"
        ) without
      );
  build = import ./internal/python.nix toolchain {
    parts = [
      "common"
      "layouts"
      "cli/__init__.py"
      "cli/build_cache.py"
    ];
    module = "cli.build_cache";
  };
  drv = build {
    name = "ai-models-cache";
    plan = builtins.toJSON { entries = map (model: model.hub) cached; };
    passAsFile = [ "plan" ];
    allowSubstitutes = false;
  };
in
drv // { hub = "${drv}/hub"; }
