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
    field
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
    path =
      field "File or directory; a relative string is refused in flakes, a Nix path (`./model`) is not."
        { example = "./model"; }
        (required (either pathLike text));
    files = field "Globs of the files to take; all by default." { example = "[ \"*.json\" ]"; } (
      listOf text
    );
    exclude = field "Globs of the files to leave out." { example = "[ \"*.bin\" ]"; } (listOf text);
    strict = field "Whether a wrong hash is an error (the default) or a warning." { } bool;
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
