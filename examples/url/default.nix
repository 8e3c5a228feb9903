# A model from plain addresses: each with its hash, so that nothing else pins it.
{ models }:
models.fetchModel {
  name = "tiny-gpt2";
  source.url.urls = [
    {
      url = "https://example.org/tiny-gpt2/config.json";
      sha256 = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    }
    {
      url = "https://example.org/download?id=7";
      name = "model.safetensors";
      sha256 = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
      mirrors = [ "https://mirror.example.net/tiny-gpt2/model.safetensors" ];
    }
  ];
}
