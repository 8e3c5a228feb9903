# What pins the model, from `hash`, `fileHashes` or `lock`:
#   { mode; problems; entry; hash; files; smallHash; revision; lockedAt; }
{
  args,
  source,
}:
let
  inherit (builtins)
    filter
    length
    ;
  errors = import ../errors.nix;
  types = import ../types;

  given = filter (name: args ? ${name}) [
    "fileHashes"
    "hash"
    "lock"
  ];

  lockEntry = types.record {
    source = types.attrs;
    revision = types.string;
    lockedAt = types.nullOr types.string;
    small = types.record { hash = types.required types.hash; };
    notes = types.anything;
    files = types.required (
      types.attrsOf (
        types.record {
          sha256 = types.required types.hash;
          size = types.required types.count;
          large = types.bool;
          pin = types.string;
        }
      )
    );
  };

  entry = args.lock;
  # Hashes that stand in the source itself.
  inline = if given == [ ] then (source.kind.hashes or (_: null)) source.attrs else null;
  wholeOnly = (source.kind.wholeOnly or (_: false)) source.attrs;
in
if args.impure or false then
  {
    mode = "impure";
    problems = [ ];
  }
else if inline != null then
  {
    mode = "files";
    files = builtins.mapAttrs (_: sha256: { inherit sha256; }) inline;
    problems = [ ];
  }
else if given == [ ] then
  {
    mode = null;
    problems = [ (errors.noIntegrity source.reference) ];
  }
else if length given > 1 then
  {
    mode = null;
    problems = [ (errors.twoIntegrities given) ];
  }
else if wholeOnly && !(args ? hash) then
  {
    mode = null;
    problems = [ (errors.onlyWhole (builtins.head given)) ];
  }
else if args ? hash then
  {
    mode = "hash";
    inherit (args) hash;
    problems = [ ];
  }
else if args ? fileHashes then
  {
    mode = "files";
    files = builtins.mapAttrs (_: sha256: { inherit sha256; }) args.fileHashes;
    problems =
      if args.fileHashes == { } then
        [ (errors.badValue "fileHashes" "names no file" args.fileHashes "write for example: fileHashes.\"config.json\" = \"sha256-…\";") ]
      else
        [ ];
  }
else
  {
    mode = "lock";
    inherit entry;
    inherit (entry) files;
    smallHash = entry.small.hash or null;
    lockedAt = entry.lockedAt or null;
    revision = entry.revision or "";
    problems = lockEntry.check "lock" entry;
  }
