# A NixOS machine that serves one model with vLLM and another with Ollama, for some users only.
{
  services.ai-models = {
    enable = true;
    allowedUsers = [ "ml-user" ];

    models.phi-2 = {
      source.huggingface.repo = "microsoft/phi-2";
      hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
      integration.huggingface.enable = true;
    };
    # Waits for its model, and has its variables and the group that may read the cache.
    services.vllm.models = [ "phi-2" ];

    models.llama2 = {
      source.ollama.model = "llama2:7b";
      hash = "sha256-j7zlbx8vKWsnAKBMDwzHnYhUCIGzLqOaXAnVaEm3ktE=";
      integration.wrappers.ollama.enable = true;
    };

    # HF_TOKEN=hf_… for the Nix daemon, as sops-nix or agenix leave it at run time.
    tokenFile = "/run/secrets/hf-token";
  };
  services.ollama.enable = true;
}
