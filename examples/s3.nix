# A model in a bucket of one's own, here on a store that is not Amazon's.
{ nix-ai-models }:
nix-ai-models.fetchModel {
  source.s3 = {
    bucket = "my-models";
    prefix = "llama-2-7b/";
    region = "eu-central-1";
    endpoint = "https://minio.example.org";
    exclude = [ "*.bin" ];
  };
  # A profile that the builder can read; or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
  auth.awsProfile = "ml-models";
  # From `nix-ai-model prefetch s3://my-models/llama-2-7b/`.
  fileHashes = {
    "config.json" = "sha256-j7zlbx8vKWsnAKBMDwzHnYhUCIGzLqOaXAnVaEm3ktE=";
    "model.safetensors" = "sha256-PpF0sPWCxAG4Gc9WeLbS1Lkr1qMTeEB5NTBNUGMLe8g=";
  };
}
