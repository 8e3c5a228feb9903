# How programs find the model.
let
  types = import ../default.nix;
  inherit (types)
    attrsOf
    bool
    either
    field
    listOf
    matching
    nullOr
    record
    required
    string
    text
    ;
  commit = matching "40 hexadecimal digits" "\"0123456789abcdef0123456789abcdef01234567\"" "[0-9a-f]{40}";
in
field "How programs find the model." { } (record {
  huggingface = field "The Hugging Face cache." { } (record {
    enable =
      field "Whether shells that have the model use it as HF_HOME, and modules link it into their cache."
        { default = false; }
        bool;
    cacheDir =
      field "Cache directory of a user in which Home Manager links the model; null means the client's own."
        { default = null; }
        (nullOr text);
    systemCacheDir =
      field "Cache directory in which NixOS links the model, besides that of the module."
        { example = "\"/var/cache/huggingface/hub\""; }
        text;
    org = field "Owner under which the cache holds the model." { example = "\"meta-llama\""; } string;
    model = field "Name under which the cache holds the model." { example = "\"Llama-2-7b-hf\""; } text;
    refs =
      field "Names that point to this revision: texts, or `{ name; sha; }`; by default `main` and what was asked for."
        { example = "[ \"main\" \"v1.0\" ]"; }
        (
          listOf (
            either text (record {
              name = field "The name." { } (required text);
              sha = field "The commit it must point to." { } (required commit);
            })
          )
        );
    markComplete =
      field "Whether to write the list of files that marks the entry as complete."
        { default = true; }
        bool;
    offlineMode =
      field "Whether to set `HF_HUB_OFFLINE=1` wherever this model's variables are set."
        { default = true; }
        bool;
    validateCompleteness =
      field "Whether to refuse the model when a file that its own index names is missing."
        { default = true; }
        bool;
  });
  environment =
    field "Variables to set where the model is in scope; `@out@` stands for its path."
      {
        default = { };
        example = "{ MY_MODEL = \"@out@/model.safetensors\"; }";
      }
      (attrsOf string);
  ollama = field "How Ollama runs the model." { } (record {
    name = field "Name in the Ollama store, with a tag or without." { example = "\"phi:2\""; } text;
    file = field "GGUF file to run where the model has several." { example = "\"q4.gguf\""; } text;
    template = field "Prompt template, in Ollama's language." { } string;
    system = field "System prompt." { } string;
    parameters = field "Parameters such as `temperature` and `stop`." {
      default = { };
      example = "{ temperature = 0; stop = [ \"<|end|>\" ]; }";
    } types.attrs;
    license = field "Licence text to show." { } string;
  });
  wrappers = field "Programs that run with the model's variables." { } (record {
    python = field "Python as `python3-with-NAME`." { } (record {
      enable = field "Whether it is in `bin` of the model, and the modules bring it." { default = false; } bool;
    });
    ollama = field "An Ollama store with this model." { } (record {
      enable = field "Whether the modules put the model into that of their services." { default = false; } bool;
    });
  });
})
