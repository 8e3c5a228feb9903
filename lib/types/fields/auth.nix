# Who may fetch. Secrets are named here, never given.
let
  types = import ../default.nix;
  errors = import ../../errors.nix;
  inherit (types)
    bool
    count
    field
    listOf
    matching
    outsidePath
    pathLike
    positive
    record
    refused
    required
    string
    text
    ;
  # An encrypted file, which becomes a path outside the store at activation.
  secretFile =
    program:
    field "A secret kept by ${program}." { } (record {
      secretFile = field "The decrypted file below /run, or the encrypted one, by whose name it is found." { example = "./secrets/hf-token"; } (required pathLike);
    });
in
field "Who may fetch; secrets are named here, never given." { } (record {
  token = field "Refused: it would be readable by everybody in the store." { } (
    refused errors.tokenInNix
  );
  required = field "Whether to fail before the first request when no token is found." { } bool;
  tokenEnvVar = field "Environment variable that holds the token." { } (
    matching "the name of an environment variable" "\"HF_TOKEN\"" "[A-Za-z_][A-Za-z0-9_]*"
  );
  tokenFile = field "File that holds the token, readable by the builder." { } outsidePath;
  useHfCli = field "Whether to read the token that the Hugging Face command line stored, where it can be read; it is by default." { } bool;
  gatedModelHelp = field "Text shown when access to a gated model is refused." { } string;
  awsProfile = field "Section of the AWS credentials file." { example = "\"ml-models\""; } text;
  gcpServiceAccountKey = field "Google service account key file." {
    example = "\"/run/secrets/gcp-sa.json\"";
  } outsidePath;
  impureEnvVars = field "More environment variables to pass to the fetch." { default = [ ]; } (
    listOf text
  );
  netrcFile = field "A netrc file to use." { example = "\"/etc/nix/netrc\""; } outsidePath;
  authScript = field "Shell text that prints a token, or `export AUTH_HEADER=\"Bearer …\"`." { } string;
  tokenRefresh = field "Getting a new token before the old one expires." { } (record {
    enable = field "False to leave the command unused." { } bool;
    command = field "Shell text that prints a token, alone or as OAuth 2 JSON." { } string;
    refreshBeforeExpirySec = field "Seconds before the end of a token at which the next one is asked for (300)." { } count;
    maxTokenAgeSec = field "Seconds that a token is used which does not say when it ends (3600)." { } positive;
  });
  sops = secretFile "sops-nix";
  agenix = secretFile "agenix";
})
