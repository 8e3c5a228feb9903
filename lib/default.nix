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
  };
in
lib
