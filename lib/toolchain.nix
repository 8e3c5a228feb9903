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
  python = pkgs.python3.withPackages (
    p:
    [
      p.azure-identity
      p.botocore
      p.google-auth
      p.huggingface-hub
      p.jinja2
      p.pyyaml
      p.requests
    ]
    # Opens Zstandard until Python itself does (3.14).
    ++ (if p ? backports-zstd && p.pythonOlder "3.14" then [ p.backports-zstd ] else [ ])
    # Not in every nixpkgs; only `security.signature` and `nix-ai-model sign` need it.
    ++ (if p ? model-signing then [ p.model-signing ] else [ ])
  );
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
    pkgs.gitMinimal
    pkgs.gnugrep
    pkgs.gnused
    pkgs.openssh
  ];
  # Certificates to trust unless the environment names others.
  caBundle = "${pkgs.cacert}/etc/ssl/certs/ca-bundle.crt";
  # Scanners, each as the words that start it; a model refers only to those that it asks for.
  tools = {
    fickling = [ "${pkgs.python3Packages.fickling}/bin/fickling" ];
    modelscan = [ "${pkgs.modelscan}/bin/modelscan" ];
    picklescan = [ "${pkgs.python3Packages.picklescan}/bin/picklescan" ];
  };
}
