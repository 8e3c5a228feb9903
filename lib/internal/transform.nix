# Derivations that make another tree of files out of a model, one a step: `$src` in, `$out` out.
#
# A step with an `outputHash` is a fixed-output derivation: its path depends on what it makes and not
# on how, so a model made elsewhere with the same hash is taken as it is.
toolchain: steps: model:
let
  inherit (builtins) foldl' match;
  fixed = hash: {
    outputHash = hash;
    outputHashMode = "recursive";
    outputHashAlgo = if match "sha512-.*" hash == null then "sha256" else "sha512";
  };
  apply =
    src: step:
    derivation (
      {
        inherit (toolchain) system;
        inherit (step) name command;
        inherit src;
        builder = toolchain.shell;
        PATH = toolchain.path;
        passAsFile = [ "command" ];
        args = [
          "-euc"
          ". \"$commandPath\""
        ];
      }
      // (if step ? outputHash then fixed step.outputHash else { })
    );
in
foldl' apply model steps
