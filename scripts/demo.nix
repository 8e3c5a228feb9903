# The model of the demo's lock file, built with the machine's own Python (`scripts/with-nix`).
{ lock }:
let
  python = builtins.getEnv "NIX_AI_MODELS_PYTHON";
  lib = import ../. { toolchain = import ../lib/toolchains/host.nix { inherit python; }; };
in
(lib.fromLock (/. + lock)).minilm
