/**
  The same toolchain from what a plain Linux machine has, where nixpkgs is out of reach.

  Builds are as sandboxed as any, if the sandbox shows the paths named here; `scripts/with-nix`
  writes settings that do.

  # Inputs

  `python`
  : absolute path of an interpreter that has the packages of `requirements/runtime.txt`.

  `system`
  : the platform; by default the evaluating machine's.

  # Type

  ```
  host :: { python, system ? } -> { system, python, shell, path, caBundle, tools }
  ```

  # Examples

  ```nix
  import ./lib { toolchain = import ./lib/toolchains/host.nix { python = "/opt/venv/bin/python3"; }; }
  ```
*/
{
  python,
  system ? builtins.currentSystem,
}:
{
  inherit system;
  # Neither may become a store path: both are read where they are, through the sandbox.
  python = toString python;
  shell = "/bin/sh";
  path = "${dirOf (toString python)}:/usr/bin:/bin";
  caBundle = "/etc/ssl/certs/ca-certificates.crt";
  tools = {
    modelscan = [
      (toString python)
      "-m"
      "modelscan.cli"
    ];
  };
}
