# Amazon S3 and what speaks like it: the objects below a prefix.
let
  types = import ../types;
  objects = import ../internal/objects.nix;
  inherit (types)
    bool
    enum
    field
    matching
    required
    text
    ;
in
objects.store {
  scheme = "s3";
  example = "s3://BUCKET/PREFIX";
  parents = [ "bucket" ];

  fields = {
    bucket =
      field "Bucket, or the ARN of an access point." { }
        (required (matching "the name of a bucket" "\"my-models\"" "[A-Za-z0-9][A-Za-z0-9._-]{1,254}|arn:[A-Za-z0-9:/._-]+"));
    region =
      field "By default AWS_REGION, AWS_DEFAULT_REGION, the profile's, then us-east-1." { }
        (matching "the name of a region" "\"eu-central-1\"" "[A-Za-z0-9-]+");
    endpoint =
      field "Address of a store other than Amazon's; by default AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL." { }
        (matching "an http or https address" "\"https://minio.example.org\"" "https?://[^/@]+.*");
    addressing = field "Whether the bucket stands in the path or in the host name; `path` where `endpoint` is given." { } (enum [
      "auto"
      "path"
      "virtual"
    ]);
    profile =
      field "Section of the AWS files, before AWS_PROFILE and keys in the environment." { }
        text;
    role =
      field "Role to assume with the credentials that are found." { }
        (matching "the ARN of a role" "\"arn:aws:iam::123456789012:role/models\"" "arn:[a-z-]+:iam::[0-9]*:role/.+");
    requesterPays = field "Pay for the requests, as some buckets want." { } bool;
  };

  # https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
  environment = [
    "AWS_ACCESS_KEY_ID"
    "AWS_CONFIG_FILE"
    "AWS_CONTAINER_AUTHORIZATION_TOKEN"
    "AWS_CONTAINER_CREDENTIALS_FULL_URI"
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
    "AWS_DEFAULT_REGION"
    "AWS_EC2_METADATA_DISABLED"
    "AWS_ENDPOINT_URL"
    "AWS_ENDPOINT_URL_S3"
    "AWS_ENDPOINT_URL_STS"
    "AWS_PROFILE"
    "AWS_REGION"
    "AWS_ROLE_ARN"
    "AWS_ROLE_SESSION_NAME"
    "AWS_SECRET_ACCESS_KEY"
    "AWS_SESSION_TOKEN"
    "AWS_SHARED_CREDENTIALS_FILE"
    "AWS_WEB_IDENTITY_TOKEN_FILE"
  ];
}
