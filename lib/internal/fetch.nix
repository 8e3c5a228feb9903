# The fixed-output derivations of a model: only upstream bytes, each checked against its hash.
toolchain:
let
  inherit (builtins)
    attrNames
    mapAttrs
    partition
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

  # Read by every HTTP client; a variable that is not set arrives empty.
  proxies = [
    "http_proxy"
    "https_proxy"
    "ftp_proxy"
    "all_proxy"
    "no_proxy"
    "HTTP_PROXY"
    "HTTPS_PROXY"
    "ALL_PROXY"
    "NO_PROXY"
    "NIX_SSL_CERT_FILE"
  ];

in
{
  name,
  source,
  revision,
  args,
}:
let
  inherit (args) auth sharding;

  order = {
    inherit revision;
    source = source.spec;
    stall = args.download.stallTimeout;
    jobs = 4;
    shards =
      if sharding.enable then
        {
          inherit (sharding) pattern;
          jobs = sharding.parallelDownloads;
        }
      else
        null;
    retries = {
      times = args.onDownloadFailure.maxRetries;
      delay = args.onDownloadFailure.retryDelay;
    };
  };

  fetch =
    extra: attrs:
    build (
      {
        impureEnvVars =
          proxies
          ++ source.kind.environment
          ++ auth.impureEnvVars
          ++ (if auth ? tokenEnvVar then [ auth.tokenEnvVar ] else [ ]);
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
