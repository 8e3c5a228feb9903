# A model in Azure Blob Storage, read as the managed identity of the machine that builds.
{ nix-ai-models }:
nix-ai-models.fetchModel {
  source.azure = {
    account = "mymodels";
    container = "models";
    prefix = "llama-2-7b/";
    # Or AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_KEY or a connection string in the environment.
    identity = true;
  };
  # From `nix-ai-model prefetch az://mymodels/models/llama-2-7b/`.
  fileHashes = {
    "config.json" = "sha256-j7zlbx8vKWsnAKBMDwzHnYhUCIGzLqOaXAnVaEm3ktE=";
    "model.safetensors" = "sha256-PpF0sPWCxAG4Gc9WeLbS1Lkr1qMTeEB5NTBNUGMLe8g=";
  };
}
