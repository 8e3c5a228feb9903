# What may be inside a model.
let
  types = import ../default.nix;
  command = import ./command.nix;
  inherit (types)
    bool
    enum
    field
    listOf
    record
    text
    ;
in
field "What may be inside a model." { } (record {
  policy =
    field
      "`safe-only` refuses what can run code when loaded, `scanned` what a scanner refuses, `off` nothing."
      { default = "safe-only"; }
      (enum [
        "safe-only"
        "scanned"
        "off"
      ]);
  enablePickleScan = field "Whether this project's pickle check runs." { default = true; } bool;
  enableModelScan = field "Whether modelscan gives a second opinion." { } bool;
  scanners = field "Further scanners that give an opinion." { } (
    listOf (enum [
      "picklescan"
      "fickling"
    ])
  );
  customScanners = field "Programs of yours to run as scanners." { default = [ ]; } (
    listOf (record (command "command"))
  );
  failOnScanError =
    field "Whether a finding refuses the model; false makes refusals warnings of the report."
      { default = true; }
      bool;
  allowGlobals = field "Exact names of globals that pickles of this model may use." {
    default = [ ];
    example = "[ \"mylib.Thing\" ]";
  } (listOf text);
  ignoreFiles = field "Globs of files that are left out of the model." {
    default = [ ];
    example = "[ \"*.bin\" ]";
  } (listOf text);
  allowedLicenses =
    field "Licence identifiers that are accepted; anything else is refused."
      { example = "[ \"apache-2.0\" ]"; }
      (listOf text);
  maskSecretsInLogs = field "Whether secrets are masked in every log; they always are." { } bool;
  isolateCredentialsFromHooks =
    field "Whether commands of yours are kept from credentials; they always are." { }
      bool;
  requiredScopes = field "Scopes that the token must have." { example = "[ \"read\" ]"; } (
    listOf text
  );
  warnOnExcessiveScopes = field "Whether to warn when the token may do more than it must." { } bool;
})
