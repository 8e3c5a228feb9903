/**
  What derivations need from outside, made from nixpkgs.

  # Inputs

  `pkgs`
  : a nixpkgs package set.

  # Type

  ```
  toolchain :: Pkgs -> { system, python, shell, path, caBundle, tools }
  ```

  # Examples

  ```nix
  import ./lib { toolchain = import ./lib/toolchain.nix pkgs; }
  ```
*/
pkgs:
let
  python = pkgs.python3.withPackages (p: [
    p.azure-identity
    p.botocore
    p.gguf
    p.google-auth
    p.huggingface-hub
    p.jinja2
    p.requests
    p.safetensors
  ]);
in
{
  inherit (pkgs.stdenv.hostPlatform) system;
  # Interpreter of every builder.
  python = "${python}/bin/python3";
  # Starts builders, and runs the user's commands.
  shell = "${pkgs.bash}/bin/bash";
  # Search path of builders and of the user's commands.
  path = pkgs.lib.makeBinPath [
    pkgs.coreutils
    pkgs.findutils
    pkgs.git
    pkgs.gnugrep
    pkgs.gnused
    pkgs.openssh
  ];
  # Certificates to trust unless the environment names others.
  caBundle = "${pkgs.cacert}/etc/ssl/certs/ca-bundle.crt";
  # Scanners, each as the words that start it.
  tools = {
    modelscan = [ "${pkgs.modelscan}/bin/modelscan" ];
  };
}
