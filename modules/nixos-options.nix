# The options that services.ai-models has beside those of every module.
{
  lib,
  # The configuration's meaning, for defaults.
  reading,
}:
let
  inherit (lib) literalExpression mkOption types;
in
{
  cacheDir = mkOption {
    type = types.strMatching "/.*[^/]";
    default = "/var/cache/ai-models";
    example = "/srv/ai-models";
    description = ''
      Directory of the machine's links: `hub` is a Hugging Face cache (`HF_HUB_CACHE`), `models` has
      every model under its name, and `environment` is a file of variables.
    '';
  };

  allowedUsers = mkOption {
    type = types.nullOr (types.listOf types.str);
    default = null;
    example = [ "ml-user" ];
    description = ''
      Users who may enter the cache directory; null lets everybody. They become members of `group`.
      The Nix store itself stays readable by everybody: see docs/modules.md for weights that are
      secret.
    '';
  };

  group = mkOption {
    type = types.strMatching "[a-z_][a-z0-9_-]{0,30}";
    default = "ai-models";
    example = "ml";
    description = "Group that may enter the cache directory where `allowedUsers` is not null.";
  };

  setSessionVariables = mkOption {
    type = types.bool;
    default = true;
    example = false;
    description = "Whether every session gets the variables by which programs find the models.";
  };

  services = mkOption {
    type = types.attrsOf (
      types.submodule {
        options.models = mkOption {
          type = types.listOf types.str;
          example = [ "minilm" ];
          description = "Names of the models whose variables the service gets, and for which it waits.";
        };
      }
    );
    default = { };
    example = literalExpression "{ vllm.models = [ \"llama-2-7b\" ]; }";
    description = ''
      Services of systemd that load models: each gets the variables, the group, and an order after
      the models are there.
    '';
  };

  ollama.enable = mkOption {
    type = types.bool;
    default = reading.ollama != [ ];
    defaultText = literalExpression "whether any model has integration.wrappers.ollama.enable";
    example = false;
    description = ''
      Whether `services.ollama` has exactly the models with `integration.wrappers.ollama.enable`. Its
      directory of models is in the store then, so it can pull no others.
    '';
  };

  llama-cpp = {
    model = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "phi-2-gguf";
      description = "Name of the model that `services.llama-cpp` serves.";
    };
    file = mkOption {
      type = types.str;
      default = "model.gguf";
      example = "phi-2.Q4_K_M.gguf";
      description = "GGUF file of that model.";
    };
  };

  tokenFile = mkOption {
    type = types.nullOr (types.strMatching "/.*");
    default = null;
    example = literalExpression "config.sops.secrets.hf-token.path";
    description = ''
      File with lines such as `HF_TOKEN=hf_…`, read at run time by the Nix daemon and by the units of
      lazy models. Whoever may build on this machine can then use the token in a derivation of their
      own; give it no more rights than reading.
    '';
  };

  downloadCache = mkOption {
    type = types.nullOr (types.strMatching "/.*[^/]");
    default = null;
    example = "/var/cache/nix-ai-models";
    description = ''
      Directory that builders see and may write, in which downloads that were cut off go on. It holds
      nothing that is trusted: every file is checked by its hash.
    '';
  };

  lazyFetch = mkOption {
    type = types.enum [
      "boot"
      "demand"
    ];
    default = "demand";
    example = "boot";
    description = ''
      When models with `lazy` are fetched: after boot, or when a service of `services` that names them
      starts (or `systemctl start ai-models-fetch-NAME`).
    '';
  };
}
