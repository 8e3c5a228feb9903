# The library without flakes: `import ./. { inherit pkgs; }` or `import ./. { toolchain = …; }`.
{
  pkgs ? null,
  toolchain ?
    if pkgs == null then
      throw "nix-ai-models: neither `pkgs` nor `toolchain` is given, got nothing\nTo fix, write: import ./. { pkgs = import <nixpkgs> { }; }"
    else
      import ./lib/toolchain.nix pkgs,
}:
import ./lib { inherit toolchain; }
