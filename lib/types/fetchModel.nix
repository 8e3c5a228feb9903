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
    # Read the token that the Hugging Face command line stored.
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
    # Shell text whose output gives the credential.
    authScript = string;
    # Getting a new token before the old one expires.
    tokenRefresh = record {
      enable = bool;
      command = required string;
      refreshBeforeExpirySec = count;
      maxTokenAgeSec = positive;
    };
    sops = secretFile;
    agenix = secretFile;
  };

  # How bytes are fetched.
  download = record {
    # Seconds without a byte after which a connection is cut and resumed.
    stallTimeout = seconds;
    # Go on with a new token after HTTP 401 or 403.
    resumeOnAuthFailure = bool;
    # How often to go on after an interruption of any kind.
    maxResumeAttempts = count;
    # Keep partial files in a directory that survives the build.
    enableCheckpoints = bool;
    # Megabytes between two checkpoints.
    checkpointIntervalMB = positive;
  };

  # What to do when fetching fails for good.
  onDownloadFailure = record {
    action = enum [
      "clean"
      "persist"
      "retry"
    ];
    # Where `persist` keeps partial files.
    persistPath = outsidePath;
    # Repetitions of a request without progress (default 5).
    maxRetries = count;
    # Seconds before the first repetition, doubling up to 60 (default 1).
    retryDelay = seconds;
    # Shell text that is run after a failure.
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
    # The OpenSSF signature that the model ships, and whose it must be.
    signature = record {
      # Path of the signature in the model, `model.sig` by default.
      file = text;
      # PEM file of an elliptic curve key.
      publicKey = pathLike;
      # PEM files of a certificate chain.
      certificates = listOf pathLike;
      # E-mail or URI of who signed, and who vouches for it.
      identity = text;
      issuer = text;
      # JSON file of the Sigstore instance to trust; a build cannot ask the public one.
      trustRoot = pathLike;
    };
    maskSecretsInLogs = bool;
    isolateCredentialsFromHooks = bool;
    requiredScopes = listOf text;
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
