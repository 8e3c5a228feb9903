# Azure Blob Storage: the blobs below a prefix.
let
  types = import ../types;
  objects = import ../internal/objects.nix;
  inherit (builtins) elemAt match;
  inherit (types)
    bool
    field
    listOf
    matching
    required
    string
    text
    ;
in
{
  schemes = [ "az" ];
  example = "az://ACCOUNT/CONTAINER/PREFIX";

  fields = {
    account =
      field "Storage account." { }
        (required (matching "the name of a storage account" "\"mymodels\"" "[a-z0-9]{3,24}"));
    container =
      field "Container in it." { }
        (required (matching "the name of a container" "\"models\"" "[$]?[a-z0-9][a-z0-9-]{1,62}"));
    prefix =
      field "What the names of the model's blobs begin with; the rest of a name is the file's path." { }
        string;
    endpoint =
      field "Address of the account; by default the connection string's, then ACCOUNT.blob.core.windows.net." { }
        (matching "an http or https address" "\"https://mymodels.blob.core.windows.net\"" "https?://[^/@?]+[^?]*");
    anonymous = field "Send no credentials, even where there are some." { } bool;
    identity =
      field "Sign in as the identity of the machine, of the environment or of `az login`." { }
        bool;
    files = field "Globs of the files to take; all by default." { } (listOf text);
    exclude = field "Globs of the files to leave out." { } (listOf text);
  };

  # `//ACCOUNT/CONTAINER/PREFIX`; null when account or container is missing.
  parse =
    body:
    let
      found = match "//([^/]+)/([^/]+)(/(.*))?" body;
      prefix = elemAt found 3;
    in
    if found == null then
      null
    else
      {
        account = elemAt found 0;
        container = elemAt found 1;
        prefix = if prefix == null then "" else prefix;
      };

  reference =
    {
      account,
      container,
      prefix ? "",
      ...
    }:
    "az://${account}/${container}/${prefix}";

  name = attrs: objects.lastName attrs.container attrs;

  # A prefix has none: its blobs are pinned one by one.
  revision = _: "";

  pinned = _: null;

  environment = [
    "AZURE_AUTHORITY_HOST"
    "AZURE_CLIENT_CERTIFICATE_PATH"
    "AZURE_CLIENT_ID"
    "AZURE_CLIENT_SECRET"
    "AZURE_FEDERATED_TOKEN_FILE"
    "AZURE_STORAGE_ACCOUNT"
    "AZURE_STORAGE_CONNECTION_STRING"
    "AZURE_STORAGE_KEY"
    "AZURE_STORAGE_SAS_TOKEN"
    "AZURE_TENANT_ID"
    "IDENTITY_ENDPOINT"
    "IDENTITY_HEADER"
    "MSI_ENDPOINT"
    "MSI_SECRET"
  ];
}
