# The fixed-output derivations of a model: only upstream bytes, each checked against its hash.
toolchain:
let
  inherit (builtins)
    attrNames
    intersectAttrs
    isString
    mapAttrs
    match
    partition
    removeAttrs
    toJSON
    ;
  text = import ./text.nix;
  fakeHash = import ../fakeHash.nix;
  build = import ./python.nix toolchain {
    parts = [
      "common"
      "fetchers"
    ];
    module = "fetchers";
  };

  # Read by every download; a variable that is not set arrives empty.
  everywhere = [
    "http_proxy"
    "https_proxy"
    "ftp_proxy"
    "all_proxy"
    "no_proxy"
    "HTTP_PROXY"
    "HTTPS_PROXY"
    "ALL_PROXY"
    "NO_PROXY"
    "NIX_AI_MODELS_MIRRORS"
    "NIX_SSL_CERT_FILE"
  ];
  optionals = condition: list: if condition then list else [ ];

  algorithm = hash: if match "sha512-.*" hash == null then "sha256" else "sha512";
in
{
  name,
  source,
  revision,
  args,
}:
let
  auth = args.auth or { };
  failure = args.onDownloadFailure or { };
  sharding = args.sharding or { };
  security = args.security or { };
  download = args.download or { };

  # Names of places where credentials are, never credentials. A secret manager's file is named by
  # its base name, or by where its decrypted form is: the encrypted one must not enter the store.
  placesOf =
    kind:
    if auth ? ${kind} then
      { ${kind}.secretFile = outside auth.${kind}.secretFile; }
    else
      { };
  outside = file: if isString file && match "/run/.*" file != null then file else baseNameOf (toString file);

  # Variables by which the places are found.
  ofAuth =
    optionals (auth ? tokenEnvVar) [ auth.tokenEnvVar ]
    ++ optionals (auth.useHfCli or false) [
      "HF_HOME"
      "HF_TOKEN_PATH"
    ]
    ++ optionals (auth ? sops || auth ? agenix) [ "XDG_RUNTIME_DIR" ]
    ++ optionals (auth ? awsProfile) [
      "AWS_CONFIG_FILE"
      "AWS_SHARED_CREDENTIALS_FILE"
    ];

  order = {
    inherit
      name
      revision
      download
      failure
      ;
    inherit (toolchain) shell;
    source = source.spec;
    auth =
      removeAttrs auth [
        "agenix"
        "impureEnvVars"
        "sops"
      ]
      // placesOf "sops"
      // placesOf "agenix";
    security = intersectAttrs {
      isolateCredentialsFromHooks = null;
      requiredScopes = null;
      warnOnExcessiveScopes = null;
    } security;
    stall = download.stallTimeout or 60;
    connections = download.connections or 4;
    mirrors = download.mirrors or [ ];
    jobs = 4;
    shards =
      if sharding.enable or false then
        {
          pattern = sharding.pattern or "*-of-*";
          jobs = sharding.parallelDownloads or 4;
        }
      else
        null;
  };

  fetch =
    extra: attrs:
    build (
      {
        impureEnvVars =
          everywhere
          ++ source.kind.environment
          ++ ofAuth
          ++ (auth.impureEnvVars or [ ]);
        SSL_CERT_FILE = toolchain.caBundle;
        order = toJSON (order // extra);
        passAsFile = [ "order" ];
      }
      // attrs
    );

  # NB: an unknown hash is left for Nix to report, with the hash to write.
  expected = hash: if hash == fakeHash || algorithm hash != "sha256" then null else hash;
  fileOrder =
    path: file:
    {
      inherit path;
      sha256 = expected file.sha256;
      size = file.size or null;
    }
    // (if file ? pin then { inherit (file) pin; } else { });

  fixed = hash: mode: {
    outputHash = hash;
    outputHashAlgo = algorithm hash;
    outputHashMode = mode;
  };

  one =
    path: file:
    fetch { file = fileOrder path file; } ({ name = text.storeName (baseNameOf path); } // fixed file.sha256 "flat");
in
{
  # One derivation for the whole tree; its listing is the one question asked of upstream in a build.
  tree = hash: fetch { } ({ name = "${name}-raw"; } // fixed hash "recursive");

  # The whole tree without any pin.
  impureTree = fetch { } {
    name = "${name}-raw";
    __impure = true;
    outputHashMode = "recursive";
    outputHashAlgo = "sha256";
  };

  # A derivation for each file that is large or has no tree to be in, and one for the others:
  # path → where it is, with context.
  files =
    files: smallHash:
    let
      parts = partition (path: smallHash == null || files.${path}.large or false) (attrNames files);
      small = fetch {
        files = map (path: fileOrder path files.${path}) parts.wrong;
      } ({ name = "${name}-small"; } // fixed smallHash "recursive");
    in
    mapAttrs (
      path: file: if smallHash == null || file.large or false then one path file else "${small}/${path}"
    ) files;
}
