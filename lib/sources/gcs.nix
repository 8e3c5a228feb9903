# Google Cloud Storage: the objects below a prefix.
let
  types = import ../types;
  objects = import ../internal/objects.nix;
  inherit (types)
    bool
    field
    listOf
    matching
    required
    string
    text
    ;
in
{
  schemes = [ "gs" ];
  example = "gs://BUCKET/PREFIX";

  fields = {
    bucket =
      field "Bucket." { }
        (required (matching "the name of a bucket" "\"my-models\"" "[A-Za-z0-9][A-Za-z0-9._-]{1,221}"));
    prefix =
      field "What the names of the model's objects begin with; the rest of a name is the file's path." { }
        string;
    endpoint =
      field "Another address; by default STORAGE_EMULATOR_HOST, then Google's." { }
        (matching "an http or https address" "\"https://storage.googleapis.com\"" "https?://[^/@]+.*");
    anonymous = field "Send no credentials, even where there are some." { } bool;
    userProject = field "Project that pays for the requests, as some buckets want." { } text;
    files = field "Globs of the files to take; all by default." { } (listOf text);
    exclude = field "Globs of the files to leave out." { } (listOf text);
  };

  parse = objects.parseBucket;

  reference =
    {
      bucket,
      prefix ? "",
      ...
    }:
    "gs://${bucket}/${prefix}";

  name = attrs: objects.lastName attrs.bucket attrs;

  # A prefix has none: its objects are pinned one by one.
  revision = _: "";

  pinned = _: null;

  environment = [
    "CLOUDSDK_AUTH_ACCESS_TOKEN"
    "GCE_METADATA_HOST"
    "GOOGLE_APPLICATION_CREDENTIALS"
    "NO_GCE_CHECK"
    "STORAGE_EMULATOR_HOST"
  ];
}
