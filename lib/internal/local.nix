# A local model's files, put into the store by Nix itself: one copy, and none where a hash is wrong.
{ source, name }:
let
  inherit (builtins)
    any
    attrNames
    baseNameOf
    hashFile
    isPath
    mapAttrs
    match
    path
    pathExists
    readDir
    stringLength
    substring
    unsafeDiscardStringContext
    ;
  text = import ./text.nix;
  glob = import ./glob.nix;
  errors = import ../errors.nix;
  refuse = problem: errors.refuse "fetchModel" [ problem ];

  given = source.attrs.path;
  strict = source.attrs.strict or true;
  root =
    if isPath given then
      given
    else if match "/.*" given != null then
      /. + given
    else
      refuse (errors.relativePath given);

  # NB: `root` itself is the file where it names one.
  placeOf =
    file:
    if pathExists (root + "/${file}") then
      root + "/${file}"
    else if pathExists root && baseNameOf (toString root) == baseNameOf file then
      root
    else
      refuse (errors.notHere "source.local.path" "there is no ${toString root}/${file}" "put it there, or lock what is there: nix-ai-model lock update");

  # The store path that content with a hash has, which needs no conversion between notations.
  expected =
    storeName: hash: mode:
    unsafeDiscardStringContext
      (derivation {
        name = storeName;
        system = "none";
        builder = "none";
        outputHash = hash;
        outputHashAlgo = text.algorithm hash;
        outputHashMode = mode;
      }).outPath;

  # What to do about content that is not what was pinned.
  mismatch =
    place: hash: got: result:
    let
      problem = errors.localMismatch (toString place) hash got source.reference;
    in
    if strict then refuse problem else builtins.trace "warning: ${problem}" result;

  one =
    file: locked:
    let
      place = placeOf file;
      storeName = text.storeName (baseNameOf file);
      wanted = expected storeName locked.sha256 "flat";
      # A store that has this very content needs no second look at the file.
      known = strict && text.algorithm locked.sha256 == "sha256" && pathExists wanted;
      actual = if known then null else hashFile (text.algorithm locked.sha256) place;
      same = actual == null || expected storeName actual "flat" == wanted;
      copied = path (
        {
          name = storeName;
          path = place;
          recursive = false;
        }
        // (if actual == null then { inherit (locked) sha256; } else { })
      );
    in
    {
      local = if same then copied else mismatch place locked.sha256 actual copied;
      sha256 = if same then locked.sha256 else hashFile "sha256" place;
    };

  relative = file: substring (stringLength (toString root) + 1) (stringLength file) file;
  wantsBelow =
    folder:
    let
      entries = readDir folder;
    in
    any (entry: keep "${toString folder}/${entry}" entries.${entry}) (attrNames entries);
  # Directories stay only where something wanted is below, when anything was chosen at all.
  chosen = source.attrs ? files || source.attrs ? exclude;
  keep =
    file: type:
    if type == "directory" then
      !chosen || wantsBelow file
    else if type == "symlink" then
      refuse (errors.notHere "source.local.path" "${file} is a link, and `hash` pins links and not what they lead to" "pin what they lead to: nix-ai-model lock add NAME '${source.reference}'")
    else
      glob.select source.attrs (relative file);

  whole = path {
    name = "${name}-raw";
    path = root;
    filter = keep;
  };
in
{
  files = mapAttrs one;

  tree =
    hash:
    let
      wanted = expected "${name}-raw" hash "recursive";
    in
    if unsafeDiscardStringContext whole == wanted then whole else mismatch root hash null whole;

  impureTree = whole;
}
