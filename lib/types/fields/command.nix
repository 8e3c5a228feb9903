# The fields of a command of the user's; `key` is the attribute that holds its shell text.
key:
let
  types = import ../default.nix;
  inherit (types)
    enum
    field
    positive
    required
    string
    text
    ;
in
{
  name = field "Name under which the report tells its outcome." { } (required text);
  ${key} = field "Shell text to run." { } (required string);
  onFailure =
    field "Whether a failure refuses the model (`abort`; `persist` keeps its files), is told (`warn`), or is nothing (`skip`, `ignore`)."
      { default = "abort"; }
      (enum [
        "abort"
        "warn"
        "skip"
        "ignore"
        "persist"
      ]);
  timeout = field "Seconds after which it counts as failed." { example = "300"; } positive;
}
