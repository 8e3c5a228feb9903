# Shell globs over paths, as `common/files.py` reads them: `*` crosses `/`, a `/` at the end means
# everything below.
let
  inherit (builtins)
    any
    concatStringsSep
    elemAt
    isString
    map
    match
    replaceStrings
    split
    stringLength
    substring
    ;

  special = [ "\\" "." "+" "(" ")" "{" "}" "^" "$" "|" ];
  escaped = map (character: "\\${character}") special;
  outside = replaceStrings (special ++ [ "*" "?" "[" "]" ]) (escaped ++ [ ".*" "." "\\[" "]" ]);
  # Inside brackets only `!` differs, and POSIX knows no escapes there.
  inside = set: if substring 0 1 set == "!" then "[^${substring 1 (stringLength set) set}]" else "[${set}]";

  toRegex =
    glob:
    concatStringsSep "" (
      map (part: if isString part then outside part else inside (elemAt part 0)) (
        split "\\[(!?][^]]*|!?[^]!][^]]*)]" (if match ".*/" glob == null then glob else "${glob}*")
      )
    );
  matches = globs: path: any (glob: match (toRegex glob) path != null) globs;
in
{
  # Whether a path is wanted.
  select =
    {
      files ? [ ],
      exclude ? [ ],
      ...
    }:
    path: matches (if files == [ ] then [ "*" ] else files) path && !(matches exclude path);
}
