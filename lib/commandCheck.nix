/**
  Builds only if the command starts offline and knows its verbs; part of `nix flake check`.

  # Type

  ```
  commandCheck :: Derivation
  ```

  # Examples

  ```nix
  checks.x86_64-linux.nix-ai-model = lib.commandCheck;
  ```
*/
{ toolchain, lib, ... }:
derivation {
  inherit (toolchain) system;
  name = "nix-ai-model-check";
  builder = toolchain.shell;
  PATH = toolchain.path;
  args = [
    "-euc"
    ''
      help=$(${lib.command}/bin/nix-ai-model --help)
      for verb in prefetch lock info list scan verify to-nix; do
        case $help in *"$verb"*) ;; *) echo "error: the command has no verb $verb"; exit 1 ;; esac
      done
      echo "$help" > "$out"
    ''
  ];
}
