# The models of this machine, and who may use them.
{
  services.ai-models = {
    enable = true;
    # All models of the lock file; to add one:
    #   nix run github:your-org/nix-ai-models -- lock add minilm hf:sentence-transformers/all-MiniLM-L6-v2
    lockFile = ./models.lock.json;
    # Members of the group ai-models; others cannot enter /var/cache/ai-models.
    allowedUsers = [ "alice" ];

    # What one model needs beyond its lock:
    # models.minilm.integration.huggingface.enable = true;

    # A service that finds it by MINILM_MODEL_PATH, or by its name in the Hugging Face cache:
    # services.my-server.models = [ "minilm" ];
  };
}
