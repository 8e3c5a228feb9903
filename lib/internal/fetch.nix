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
in
{
  name,
  source,
  revision,
  args,
}:
let
  inherit (args)
    auth
    download
    security
    sharding
    ;
  failure = args.onDownloadFailure;

  # Names of places where credentials are, never credentials. A secret manager's file is named by
  # its base name, or by where its decrypted form is: the encrypted one must not enter the store.
  placesOf =
    kind:
    if auth ? ${kind}.secretFile then
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
    ++ optionals (auth ? sops.secretFile || auth ? agenix.secretFile) [ "XDG_RUNTIME_DIR" ]
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
    stall = download.stallTimeout;
    inherit (download) connections mirrors;
    jobs = 4;
    shards =
      if sharding.enable then
        {
          inherit (sharding) pattern;
          jobs = sharding.parallelDownloads;
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
          ++ auth.impureEnvVars;
        SSL_CERT_FILE = toolchain.caBundle;
        order = toJSON (order // extra);
        passAsFile = [ "order" ];
      }
      // attrs
    );

  # NB: an unknown hash is left for Nix to report, with the hash to write.
  expected = hash: if hash == fakeHash || text.algorithm hash != "sha256" then null else hash;
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
    outputHashAlgo = text.algorithm hash;
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
