# A user with a model in the Hugging Face cache, and a Python that finds it.
{
  programs.ai-models = {
    enable = true;
    models.minilm = {
      source.huggingface.repo = "sentence-transformers/all-MiniLM-L6-v2";
      hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
      integration.wrappers.python.enable = true;
    };
    # Large, and wanted now and then: `fetch-mixtral` brings it, nothing else does.
    models.mixtral = {
      source.huggingface.repo = "mistralai/Mixtral-8x7B-v0.1";
      hash = "sha256-j7zlbx8vKWsnAKBMDwzHnYhUCIGzLqOaXAnVaEm3ktE=";
      lazy = true;
    };
  };
}
