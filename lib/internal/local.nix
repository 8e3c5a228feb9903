# A local model's files, put into the store by Nix itself: one copy, checked where a hash is given.
{ source, name }:
let
  inherit (builtins)
    isPath
    mapAttrs
    match
    path
    ;
  text = import ./text.nix;
  errors = import ../errors.nix;
  given = source.attrs.path;
  root =
    if isPath given then
      given
    else if match "/.*" given != null then
      /. + given
    else
      errors.refuse "fetchModel" [
        (errors.badValue "source.local.path" "is relative to nothing when it is a string" given "write it as a Nix path: source.local.path = ./${given};")
      ];
  single = builtins.readFileType or (_: "unknown") root == "regular";
in
{
  files = mapAttrs (
    file: locked:
    path {
      name = text.storeName (baseNameOf file);
      path = if single then root else root + "/${file}";
      recursive = false;
      sha256 = locked.sha256;
    }
  );

  tree =
    hash:
    path {
      name = "${name}-raw";
      path = root;
      sha256 = hash;
    };
}
