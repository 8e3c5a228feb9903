# The arguments of `fetchModel`, one type an attribute; modules and docs use the same table.
let
  types = import ./default.nix;
  errors = import ../errors.nix;
  inherit (types)
    any
    attrs
    attrsOf
    bool
    count
    either
    enum
    hash
    listOf
    matching
    nullOr
    onlyTrue
    outsidePath
    pathLike
    positive
    record
    refused
    required
    seconds
    storeName
    string
    text
    ;
  # What happens when a validator, a scanner or a script fails.
  onFailure = enum [
    "abort"
    "warn"
    "skip"
    "ignore"
    "persist"
  ];
  # An encrypted file, which becomes a path outside the store at activation.
  secretFile = record { secretFile = required pathLike; };
in
{
  # Derivation name; by default the last part of the source's name.
  name = storeName;
  # Where the model comes from: a reference as text, or `source.<type> = { … }`.
  source = any;
  # SRI hash of the whole tree of files; alternative to `fileHashes` and `lock`.
  hash = hash;
  # SRI hash of each file by its path; only these files are fetched.
  fileHashes = attrsOf hash;
  # An entry of a lock file, or the path of a lock file in which `name` stands.
  lock = either pathLike attrs;
  # Free text shown in `version` of the derivation.
  version = text;
  # The derivation's `meta`.
  meta = attrs;

  # Who may fetch. Secrets are named here, never given.
  auth = record {
    token = refused errors.tokenInNix;
    # Fail before the first request when no token is found.
    required = bool;
    # Environment variable that holds the token.
    tokenEnvVar = matching "the name of an environment variable" "\"HF_TOKEN\"" "[A-Za-z_][A-Za-z0-9_]*";
    # File that holds the token, readable by the builder.
    tokenFile = outsidePath;
    # Read the token that the Hugging Face command line stored, where it can be read (default true).
    useHfCli = bool;
    # Text shown when access to a gated model is refused.
    gatedModelHelp = string;
    # Section of the AWS credentials file.
    awsProfile = text;
    # Google service account key file.
    gcpServiceAccountKey = outsidePath;
    # More environment variables to pass to the fetch.
    impureEnvVars = listOf text;
    # A netrc file to use.
    netrcFile = outsidePath;
    # Shell text that prints a token, or `export AUTH_HEADER="Bearer …"`.
    authScript = string;
    # Getting a new token before the old one expires.
    tokenRefresh = record {
      # False to leave the command unused.
      enable = bool;
      # Shell text that prints a token, alone or as OAuth 2 JSON.
      command = required string;
      # Seconds before the end of a token at which the next one is asked for (default 300).
      refreshBeforeExpirySec = count;
      # Seconds that a token is used which does not say when it ends (default 3600).
      maxTokenAgeSec = positive;
    };
    # The decrypted file of sops-nix (below /run), or the encrypted one, by whose name it is found.
    sops = secretFile;
    # The same of agenix.
    agenix = secretFile;
  };

  # How bytes are fetched.
  download = record {
    # Seconds without a byte after which a connection is cut and resumed.
    stallTimeout = seconds;
    # Connections to use for one large file (default 4).
    connections = positive;
    # Places that have files by their hash, at `sha256/<hex>`, asked before the source itself.
    mirrors = listOf (matching "an http, https or file address" "\"https://mirror.example.org/models\"" "(https?|file)://.+");
    # Go on with another token after HTTP 401 or 403 (default true).
    resumeOnAuthFailure = bool;
    # How often to go on so, or with `action = "retry"` to begin anew, without progress (default 3).
    maxResumeAttempts = count;
    # Keep partial files where another build finds them: `onDownloadFailure.persistPath`, else
    # /var/cache/nix-ai-models. By default if that is there; true warns if it is not.
    enableCheckpoints = bool;
    # Megabytes between two waits for the disk to have them (default 1074).
    checkpointIntervalMB = positive;
  };

  # What to do when fetching fails for good.
  onDownloadFailure = record {
    # `clean` removes partial files, `persist` keeps them, `retry` begins all repetitions again.
    action = enum [
      "clean"
      "persist"
      "retry"
    ];
    # Where `persist` keeps partial files.
    persistPath = outsidePath;
    # Repetitions of a request without progress (default 3).
    maxRetries = count;
    # Seconds before the first repetition, doubling up to 60 (default 1).
    retryDelay = seconds;
    # Shell text that is run after a failure, with MODEL_NAME, MODEL_SOURCE and MODEL_ERROR.
    notifyCommand = string;
  };

  # The user's own validators, run in order against `$src`.
  validation = record {
    validators = listOf (record {
      name = required text;
      command = required string;
      onFailure = onFailure;
      timeout = positive;
    });
  };

  # What may be inside a model.
  security = record {
    # `safe-only` refuses what can run code when loaded, `scanned` what a scanner refuses, `off` nothing.
    policy = enum [
      "safe-only"
      "scanned"
      "off"
    ];
    # The pickle check of this project.
    enablePickleScan = bool;
    # modelscan as a second opinion.
    enableModelScan = bool;
    # Further known scanners to run as second opinions.
    scanners = listOf (enum [
      "picklescan"
      "fickling"
    ]);
    # Programs to run as scanners.
    customScanners = listOf (record {
      name = required text;
      command = required string;
      onFailure = onFailure;
      timeout = positive;
    });
    # Whether a finding refuses the model; false turns refusals into warnings of the report.
    failOnScanError = bool;
    # Exact names of globals that pickles of this model may use.
    allowGlobals = listOf text;
    # Globs of files that are left out of the model.
    ignoreFiles = listOf text;
    # Licence identifiers that are accepted; anything else is refused.
    allowedLicenses = listOf text;
    # Secrets are masked always; false is refused.
    maskSecretsInLogs = onlyTrue errors.secretsAreMasked;
    # Run `notifyCommand` without credentials in its environment (default true). Validators and
    # scripts never have any: they run in another derivation.
    isolateCredentialsFromHooks = bool;
    # What a Hugging Face token must be allowed, else the fetch fails before it begins.
    requiredScopes = listOf (enum [
      "read"
      "write"
    ]);
    # Warn about a Hugging Face token that is allowed more than reading.
    warnOnExcessiveScopes = bool;
  };

  # The user's scripts, run in order against `$out` before the metadata is written.
  postDownload = record {
    scripts = listOf (record {
      name = required text;
      script = required string;
      onFailure = onFailure;
      timeout = positive;
    });
  };

  # Derivations that make another model out of this one.
  transform = record {
    steps = listOf (record {
      name = required storeName;
      command = required string;
      outputHash = hash;
    });
  };

  # Making the weights smaller.
  quantize = record {
    enable = bool;
    method = enum [
      "gptq"
      "awq"
      "gguf"
    ];
    bits = positive;
    keepOriginal = bool;
  };

  # Fetching shards side by side when the whole tree is one derivation.
  sharding = record {
    enable = bool;
    pattern = text;
    parallelDownloads = positive;
  };

  # How programs find the model.
  integration = record {
    huggingface = record {
      enable = bool;
      # Cache directory of a user; null means the client's own default.
      cacheDir = nullOr text;
      # Cache directory of the system.
      systemCacheDir = text;
      # Owner and name under which the cache holds the model.
      org = string;
      model = text;
      # Names that point to this revision: texts, or `{ name; sha; }`.
      refs = listOf (either text (record {
        name = required text;
        sha = required (matching "40 hexadecimal digits" "\"…\"" "[0-9a-f]{40}");
      }));
      # Write the list of files that marks the entry as complete.
      markComplete = bool;
      # Set `HF_HUB_OFFLINE=1` wherever this model's variables are set.
      offlineMode = bool;
      # Refuse the model when a file that its index names is missing.
      validateCompleteness = bool;
    };
    # Variables to set where the model is in scope.
    environment = attrsOf string;
    wrappers = record {
      python = record { enable = bool; };
      ollama = record { enable = bool; };
    };
  };

  # What is recorded about the origin.
  provenance = record {
    recordSource = bool;
    recordTimestamp = bool;
    signOutput = bool;
  };

  # Fetch at first use instead of at build.
  lazy = bool;
  # Fetch without any pin; not reproducible, not cacheable.
  impure = bool;
}
