# Files that are on the evaluating machine already; Nix itself copies them, once, into the store.
let
  types = import ../types;
  inherit (builtins)
    baseNameOf
    match
    stringLength
    substring
    ;
  inherit (types)
    bool
    either
    listOf
    pathLike
    required
    text
    ;
in
{
  schemes = [ "file" ];
  example = "file:PATH";

  fields = {
    # File or directory; a relative string is refused in flakes, a Nix path (`./model`) is not.
    path = required (either pathLike text);
    # Globs of the files to take; all by default.
    files = listOf text;
    # Globs of the files to leave out.
    exclude = listOf text;
    # Whether a wrong hash is an error (the default) or a warning.
    strict = bool;
  };

  parse = body: { path = if match "///.*" body == null then body else substring 2 (stringLength body) body; };

  # NB: written as text, or naming the path would copy it into the store once more.
  plain = attrs: attrs // { path = toString attrs.path; };

  reference = { path, ... }: "file:${toString path}";

  name = attrs: baseNameOf (toString attrs.path);

  revision = _: "";

  pinned = _: null;

  environment = [ ];
}
