# Parts of this repository's Python as one store path, to be put on PYTHONPATH.
#
# Only what is named goes in, so that a change elsewhere rebuilds nothing.
parts:
let
  inherit (builtins)
    any
    match
    path
    stringLength
    substring
    ;
  root = ../..;
  relativeTo = file: substring (stringLength (toString root) + 1) (stringLength file) file;
  # A part itself, what is below it, and the directories that lead to it.
  concerns =
    relative: part:
    let
      starts = prefix: text: substring 0 (stringLength prefix) text == prefix;
    in
    relative == part || starts "${part}/" relative || starts "${relative}/" part;
in
path {
  name = "nix-ai-models-python";
  path = root;
  filter =
    file: type:
    let
      relative = relativeTo file;
    in
    any (concerns relative) parts
    && match "(.*/)?__pycache__" relative == null
    && (type == "directory" || match ".*[.](py|json|txt|toml)" relative != null);
}
