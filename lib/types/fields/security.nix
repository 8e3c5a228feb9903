# What may be inside a model.
let
  types = import ../default.nix;
  errors = import ../../errors.nix;
  command = import ./command.nix;
  inherit (types)
    bool
    enum
    field
    listOf
    onlyTrue
    pathLike
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
  allowGlobals = field "Exact names, as a finding prints them, of classes and functions that files may use." {
    default = [ ];
    example = "[ \"mylib.Thing\" ]";
  } (listOf text);
  allowOperators = field "Operators, as a finding prints them, that graphs may use besides." {
    default = [ ];
    example = "[ \"my.domain::MyOperator\" ]";
  } (listOf text);
  ignoreFiles = field "Globs of files that are left out of the model." {
    default = [ ];
    example = "[ \"*.bin\" ]";
  } (listOf text);
  allowedLicenses =
    field "Licence identifiers that are accepted; anything else is refused."
      { example = "[ \"apache-2.0\" ]"; }
      (listOf text);
  signature = field "The OpenSSF signature that the model ships, and whose it must be." { } (record {
    file = field "Path of the signature in the model; `model.sig` by default." {
      example = "\"model.sig\"";
    } text;
    publicKey = field "PEM file of an elliptic curve key." { example = "./signer.pub"; } pathLike;
    certificates = field "PEM files of the signer's authorities, up to the root." {
      example = "[ ./root.pem ]";
    } (listOf pathLike);
    identity = field "E-mail or URI in the Sigstore certificate of who signed." {
      example = "\"me@example.com\"";
    } text;
    issuer = field "Who vouches for the identity, which counts only together with it." {
      example = "\"https://github.com/login/oauth\"";
    } text;
    trustRoot = field "Keys of the Sigstore instance (`trusted_root.json`), since a build has no network." {
      example = "./trusted_root.json";
    } pathLike;
  });
  maskSecretsInLogs = field "Secrets are masked always; false is refused." { } (
    onlyTrue errors.secretsAreMasked
  );
  isolateCredentialsFromHooks =
    field "Whether commands of yours run without credentials in their environment."
      { default = true; }
      bool;
  requiredScopes =
    field "What a Hugging Face token must be allowed, else the fetch fails before it begins."
      { example = "[ \"read\" ]"; }
      (
        listOf (enum [
          "read"
          "write"
        ])
      );
  warnOnExcessiveScopes =
    field "Whether to warn about a Hugging Face token that is allowed more than reading." { }
      bool;
})
