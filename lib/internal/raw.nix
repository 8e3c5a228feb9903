# The files of a model as upstream has them, one derivation a large file or one for the whole tree:
#   { files; tree; } of which one is null.
toolchain:
let
  inherit (builtins) mapAttrs;
  localFiles = import ./local.nix;
  fetcher = import ./fetch.nix toolchain;
in
{
  name,
  args,
  source,
  integrity,
}:
let
  fetch =
    if source.type == "local" then
      localFiles { inherit name source; }
    else
      fetcher {
        inherit name source args;
        revision = integrity.revision or (source.kind.revision source.attrs);
      };
  # path → where it is and with which sha256.
  places =
    if source.type == "local" then
      fetch.files integrity.files
    else
      mapAttrs (path: local: {
        inherit local;
        inherit (integrity.files.${path}) sha256;
      }) (fetch.files integrity.files integrity.smallHash or null);
in
if integrity.mode == "impure" then
  {
    files = null;
    tree = fetch.impureTree;
  }
else if integrity.mode == "hash" then
  {
    files = null;
    tree = fetch.tree integrity.hash;
  }
else
  {
    tree = null;
    files = mapAttrs (
      path: place:
      {
        inherit (place) local sha256;
      }
      // (if integrity.files.${path} ? size then { inherit (integrity.files.${path}) size; } else { })
    ) places;
  }
