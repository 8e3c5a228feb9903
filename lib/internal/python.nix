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
  inherit (builtins)
    any
    match
    path
    stringLength
    substring
    ;
  root = ../..;
  wanted =
    file: type:
    let
      relative = substring (stringLength (toString root) + 1) (stringLength file) file;
      below = part: relative == part || match "${part}/.*" relative != null || match "${relative}/.*" part != null;
    in
    any below parts && (type == "directory" || match ".*[.](py|json)" relative != null) && match ".*__pycache__.*" relative == null;
  source = path {
    name = "nix-ai-models-python";
    path = root;
    filter = wanted;
  };
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
