# The exported functions, one file each; `toolchain` is all that they need from outside.
{ toolchain }:
let
  scope = { inherit toolchain lib; };
  lib = {
    command = import ./command.nix scope;
    commandCheck = import ./commandCheck.nix scope;
    fakeHash = import ./fakeHash.nix;
    fetchModel = import ./fetchModel.nix scope;
    fromLock = import ./fromLock.nix scope;
    mkHfCache = import ./mkHfCache.nix scope;
    mkManifest = import ./mkManifest.nix scope;
    mkOllamaStore = import ./mkOllamaStore.nix scope;
    mkShellHook = import ./mkShellHook.nix scope;
    wrapProgram = import ./wrapProgram.nix scope;
  };
in
lib
