/**
  The command `nix-ai-model` as a package.

  # Type

  ```
  command :: Derivation
  ```

  # Examples

  ```nix
  environment.systemPackages = [ inputs.nix-ai-models.lib.${system}.command ];
  ```
*/
{ toolchain, ... }:
let
  text = import ./internal/text.nix;
  source = import ./internal/pythonSource.nix [
    "cli"
    "common"
    "fetchers"
    "layouts"
    "validators"
  ];
in
import ./internal/script.nix toolchain {
  name = "nix-ai-model";
  text = ''
    export PYTHONPATH=${text.shellWord source} PYTHONDONTWRITEBYTECODE=1 PYTHONNOUSERSITE=1
    export NIX_AI_MODEL_TOOLS=${text.shellWord (builtins.toJSON { inherit (toolchain.tools) modelscan; })}
    exec ${text.shellWord toolchain.python} -P -m cli "$@"
  '';
}
// {
  meta = {
    description = "Pin, inspect, scan and verify AI models";
    mainProgram = "nix-ai-model";
  };
}
