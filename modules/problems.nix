# Everything that is wrong with the models of a configuration, as texts that name the options.
{ lib, root }:
{
  cfg,
  # Every model's reading, and those without problems.
  readings,
  sound,
  # Cache entry → name of the model → what it is called there.
  byEntry,
}:
let
  inherit (lib)
    attrNames
    concatLists
    filterAttrs
    groupBy
    hasPrefix
    length
    mapAttrsToList
    removePrefix
    ;
  errors = import ../lib/errors.nix;
  text = import ../lib/internal/text.nix;
  option = name: "${root}.models.${name}";

  # A problem that fetchModel has, with the option's full path in place of the attribute's.
  at =
    name: problem:
    if hasPrefix "`" problem then
      "`${option name}.${removePrefix "`" problem}"
    else
      "${option name}: ${problem}";

  severally = filterAttrs (_: claims: length claims > 1);

  # Two revisions of one repository share an entry, so they need names of their own.
  twoRevisions =
    directory: entries:
    let
      claims = concatLists (
        mapAttrsToList (name: entry: map (ref: { inherit name ref; }) entry.refs) entries
      );
    in
    mapAttrsToList (
      ref: claimants: errors.refTwice directory ref (map (claim: option claim.name) claimants)
    ) (severally (groupBy (claim: claim.ref) claims));

  variables = groupBy (name: text.variable sound.${name}.args.name) (attrNames sound);
in
(
  if cfg.lockFile == null || builtins.pathExists cfg.lockFile then
    [ ]
  else
    [ (errors.noLockFile "${root}.lockFile" (toString cfg.lockFile)) ]
)
++ concatLists (mapAttrsToList (name: model: map (at name) model.problems) readings)
++ concatLists (mapAttrsToList twoRevisions byEntry)
++ mapAttrsToList (variable: names: errors.variableTwice variable (map option names)) (
  severally variables
)
