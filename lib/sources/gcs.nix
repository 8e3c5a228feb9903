# Google Cloud Storage: the objects below a prefix.
let
  types = import ../types;
  objects = import ../internal/objects.nix;
  inherit (types)
    field
    matching
    required
    text
    ;
in
objects.store {
  scheme = "gs";
  example = "gs://BUCKET/PREFIX";
  parents = [ "bucket" ];

  fields = {
    bucket =
      field "Bucket." { }
        (required (matching "the name of a bucket" "\"my-models\"" "[A-Za-z0-9][A-Za-z0-9._-]{1,221}"));
    endpoint =
      field "Another address; by default STORAGE_EMULATOR_HOST, then Google's." { }
        (matching "an http or https address" "\"https://storage.googleapis.com\"" "https?://[^/@]+.*");
    userProject = field "Project that pays for the requests, as some buckets want." { } text;
  };

  environment = [
    "CLOUDSDK_AUTH_ACCESS_TOKEN"
    "GCE_METADATA_HOST"
    "GOOGLE_APPLICATION_CREDENTIALS"
    "NO_GCE_CHECK"
    "STORAGE_EMULATOR_HOST"
  ];
}
