# A model of Ollama's registry: its GGUF for llama.cpp and vLLM, its layers for an Ollama store.
{ nix-ai-models }:
nix-ai-models.fetchModel {
  source.ollama.model = "llama2:7b";
  # From `nix-ai-model prefetch ollama:llama2:7b`, which downloads no weights.
  fileHashes = {
    "manifest.json" = "sha256-j7zlbx8vKWsnAKBMDwzHnYhUCIGzLqOaXAnVaEm3ktE=";
    "model.gguf" = "sha256-PpF0sPWCxAG4Gc9WeLbS1Lkr1qMTeEB5NTBNUGMLe8g=";
  };
}
