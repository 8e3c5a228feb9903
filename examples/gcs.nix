# A model in a Google Cloud Storage bucket, read as a service account.
{ nix-ai-models }:
nix-ai-models.fetchModel {
  source = "gs://my-models/llama-2-7b/";
  # Or GOOGLE_APPLICATION_CREDENTIALS, or CLOUDSDK_AUTH_ACCESS_TOKEN, in the environment.
  auth.gcpServiceAccountKey = "/run/secrets/gcp-sa.json";
  # From `nix-ai-model prefetch gs://my-models/llama-2-7b/`.
  fileHashes = {
    "config.json" = "sha256-j7zlbx8vKWsnAKBMDwzHnYhUCIGzLqOaXAnVaEm3ktE=";
    "model.safetensors" = "sha256-PpF0sPWCxAG4Gc9WeLbS1Lkr1qMTeEB5NTBNUGMLe8g=";
  };
}
