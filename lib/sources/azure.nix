# Azure Blob Storage: the blobs below a prefix.
let
  types = import ../types;
  objects = import ../internal/objects.nix;
  inherit (types)
    bool
    field
    matching
    required
    ;
in
objects.store {
  scheme = "az";
  example = "az://ACCOUNT/CONTAINER/PREFIX";
  parents = [
    "account"
    "container"
  ];

  fields = {
    account =
      field "Storage account." { }
        (required (matching "the name of a storage account" "\"mymodels\"" "[a-z0-9]{3,24}"));
    container =
      field "Container in it." { }
        (required (matching "the name of a container" "\"models\"" "[$]?[a-z0-9][a-z0-9-]{1,62}"));
    endpoint =
      field "Address of the account; by default the connection string's, then ACCOUNT.blob.core.windows.net." { }
        (matching "an http or https address" "\"https://mymodels.blob.core.windows.net\"" "https?://[^/@?]+[^?]*");
    identity =
      field "Sign in as the identity of the machine, of the environment or of `az login`." { }
        bool;
  };

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
