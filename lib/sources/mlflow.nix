# Models of an MLflow registry.
let
  types = import ../types;
  errors = import ../errors.nix;
  inherit (builtins)
    concatMap
    elemAt
    filter
    length
    match
    ;
  inherit (types)
    either
    field
    listOf
    matching
    positive
    required
    text
    ;
  sources = import ./default.nix;

  ways = [
    "modelVersion"
    "modelStage"
    "modelAlias"
  ];
  version = attrs: toString (attrs.modelVersion or "latest");
in
{
  schemes = [ "mlflow" ];
  example = "mlflow:NAME@VERSION";

  fields = {
    trackingUri =
      field "Address of the tracking server; by default MLFLOW_TRACKING_URI." { }
        (matching "an http or https address without a password" "\"https://mlflow.example.org\"" "https?://[^/@]+(/.*)?");
    modelName = field "Name of the registered model." { } (required text);
    modelVersion =
      field "Number of the version, or `latest` (the default)." { }
        (either (matching "the number of a version or `latest`" "\"3\"" "[0-9]+|latest") positive);
    modelStage = field "Stage, for example `Production`, instead of a version." { } text;
    modelAlias = field "Alias, for example `champion`, instead of a version." { } text;
    files = field "Globs of the files to take; all by default." { } (listOf text);
    exclude = field "Globs of the files to leave out." { } (listOf text);
  };

  problems =
    attrs:
    let
      given = filter (way: attrs ? ${way}) ways;
    in
    if length given > 1 then [ (errors.severalOf "source.mlflow" given) ] else [ ];

  # The version as text, whichever way it was written.
  plain = attrs: attrs // (if attrs ? modelVersion then { modelVersion = version attrs; } else { });

  parse =
    body:
    let
      found = match "(.*[^@])@(alias:)?([^@]+)" body;
      rev = elemAt found 2;
    in
    if found == null then
      (if match ".*@.*" body == null then { modelName = body; modelVersion = "latest"; } else null)
    else
      {
        modelName = elemAt found 0;
      }
      // (
        if elemAt found 1 != null then
          { modelAlias = rev; }
        else if match "[0-9]+|latest" rev != null then
          { modelVersion = rev; }
        else
          { modelStage = rev; }
      );

  reference =
    attrs:
    "mlflow:${attrs.modelName}@"
    + (if attrs ? modelAlias then "alias:${attrs.modelAlias}" else attrs.modelStage or (version attrs));

  name = attrs: attrs.modelName;

  revision = version;

  pinned = attrs: if match "[0-9]+" (version attrs) != null then version attrs else null;

  # NB: artifacts that the server does not pass on are read where they are.
  environment = [
    "MLFLOW_TRACKING_PASSWORD"
    "MLFLOW_TRACKING_TOKEN"
    "MLFLOW_TRACKING_URI"
    "MLFLOW_TRACKING_USERNAME"
  ]
  ++ concatMap (type: sources.${type}.environment) (
    filter (type: sources ? ${type}) [
      "s3"
      "gcs"
      "azure"
    ]
  );
}
