# A derivation whose builder is a module of this project's Python, without stdenv.
#
# The builder is started through the shell, because Nix gives a builder its base name as argv[0] and
# a virtual environment's Python finds its packages by the path it was started with.
toolchain:
{
  # Directories and files of this repository that the module needs.
  parts,
  # Module to run.
  module,
}:
let
  source = import ./pythonSource.nix parts;
in
attrs:
derivation (
  {
    inherit (toolchain) system;
    builder = toolchain.shell;
    args = [
      "-c"
      "exec \"$0\" \"$@\""
      toolchain.python
      "-P"
      "-m"
      module
    ];
    PYTHONPATH = source;
    PYTHONDONTWRITEBYTECODE = "1";
    PYTHONNOUSERSITE = "1";
    PATH = toolchain.path;
    preferLocalBuild = true;
  }
  // attrs
)
