# The arguments of `fetchModel`, a field each. `fetchModel` checks and completes its arguments by this
# table, the modules make their options of it, and docs/options.md is printed from it.
let
  types = import ./default.nix;
  command = import ./fields/command.nix;
  inherit (types)
    anything
    attrs
    attrsOf
    bool
    count
    either
    enum
    field
    hash
    listOf
    matching
    outsidePath
    pathLike
    positive
    record
    required
    seconds
    storeName
    string
    text
    ;
in
{
  name = field "Name of the derivation; by default the last part of the source's name." { } storeName;

  source = field "Where the model comes from: a reference as text, or `source.<type> = { … }`." {
    example = "\"huggingface:ORG/NAME@main\"";
  } anything;

  hash = field "Hash of the whole tree of files; alternative to `fileHashes` and `lock`." { } hash;

  fileHashes =
    field "Hash of each file by its path; only these files are fetched."
      { example = "{ \"model.safetensors\" = \"sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"; }"; }
      (attrsOf hash);

  lock = field "Entry of a lock file, or the path of a lock file in which `name` stands." {
    example = "./models.lock.json";
  } (either pathLike attrs);

  version = field "Free text, the `version` of the derivation." { example = "\"1.0.0\""; } text;

  meta = field "The `meta` of the derivation." { example = "{ description = \"Phi 2\"; }"; } attrs;

  auth = import ./fields/auth.nix;

  download = field "How bytes are fetched." { } (record {
    stallTimeout =
      field "Seconds without a byte after which a connection is cut and resumed."
        { default = 60; }
        seconds;
    connections = field "Connections to use for one large file." { default = 4; } positive;
    mirrors =
      field "Places that have files by their hash, at `sha256/<hex>`; asked before the source."
        {
          default = [ ];
          example = "[ \"https://mirror.example.org/models\" ]";
        }
        (
          listOf (
            matching "an http, https or file address" "\"https://mirror.example.org/models\"" "(https?|file)://.+"
          )
        );
    resumeOnAuthFailure =
      field "Whether to go on with another token after HTTP 401 or 403."
        { default = true; }
        bool;
    maxResumeAttempts =
      field "How often to go on so, or with `action = \"retry\"` to begin anew, without progress."
        { default = 3; }
        count;
    enableCheckpoints =
      field "Whether partial files are kept for another build, in `onDownloadFailure.persistPath` or /var/cache/nix-ai-models; by default if that is there."
        { }
        bool;
    checkpointIntervalMB =
      field "Megabytes between two waits for the disk to have them." { default = 1074; }
        positive;
  });

  onDownloadFailure = field "What happens when fetching fails for good." { } (record {
    action = field "What becomes of partial files: `clean` removes them, `persist` keeps them, `retry` begins all repetitions again." { } (enum [
      "clean"
      "persist"
      "retry"
    ]);
    persistPath = field "Directory in which `persist` keeps partial files, and files that a command failed on." {
      example = "\"/var/tmp/models\"";
    } outsidePath;
    maxRetries = field "Repetitions of a request that made no progress." { default = 5; } count;
    retryDelay =
      field "Seconds before the first repetition; doubled up to 60."
        { default = 1; }
        seconds;
    notifyCommand =
      field "Shell text that is run after a failure, with MODEL_NAME, MODEL_SOURCE and MODEL_ERROR." { }
        string;
  });

  validation = field "Checks of your own." { } (record {
    validators =
      field "Commands that are run in order against `$src`; each may refuse the model."
        { default = [ ]; }
        (listOf (record (command "command")));
  });

  security = import ./fields/security.nix;

  postDownload = field "Work on the output of the validating derivation." { } (record {
    scripts =
      field "Scripts that are run in order against `$out`, before the metadata is written."
        { default = [ ]; }
        (listOf (record (command "script")));
  });

  transform = field "Derivations that make another model out of this one." { } (record {
    steps = field "Steps in order, `$src` in and `$out` out; each is a store path." { default = [ ]; } (
      listOf (record {
        name = field "Name of the step's store path." { } (required storeName);
        command = field "Shell text that makes `$out` of `$src`." { } (required string);
        outputHash = field "Hash of what the step makes; it may use the network then." { } hash;
      })
    );
  });

  quantize = field "Making the weights smaller." { } (record {
    enable = field "Whether to quantize." { default = false; } bool;
    method = field "How." { } (enum [
      "gptq"
      "awq"
      "gguf"
    ]);
    bits = field "Bits a weight." { example = "4"; } positive;
    keepOriginal = field "Whether the original weights stay beside the new ones." { } bool;
  });

  sharding = field "Fetching shards side by side where the whole tree is one derivation." { } (record {
    enable = field "Whether to." { default = false; } bool;
    pattern = field "Glob of the shards." { default = "*-of-*"; } text;
    parallelDownloads = field "How many at once." { default = 4; } positive;
  });

  integration = import ./fields/integration.nix;

  provenance = field "What is recorded about the origin." { } (record {
    recordSource = field "Whether the metadata names source and revision." { default = true; } bool;
    recordTimestamp =
      field "Whether the metadata holds times; the output is not reproducible then."
        { default = false; }
        bool;
    signOutput =
      field "Whether `nix-ai-model verify` insists on a Nix signature."
        { default = false; }
        bool;
  });

  lazy = field "Whether to fetch at first use instead of at build." { default = false; } bool;

  impure = field "Whether to fetch without a pin; neither reproducible nor cached." {
    default = false;
  } bool;
}
