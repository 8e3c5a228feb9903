# Models of an Ollama registry, or of any container registry that keeps them.
let
  types = import ../types;
  inherit (builtins)
    elemAt
    filter
    head
    isString
    length
    match
    split
    ;
  inherit (types)
    field
    listOf
    matching
    required
    text
    ;
  # `[http://][HOST/][NAMESPACE/]NAME[:TAG][@sha256:…]`; `common/ollama.py` reads it in full.
  name = "(https?://)?[A-Za-z0-9][A-Za-z0-9._:/-]*(@sha256:[0-9a-f]{64})?";
  last = list: elemAt list (length list - 1);
  parts = separator: value: filter isString (split separator value);
in
{
  schemes = [ "ollama" ];
  example = "ollama:NAME:TAG";

  fields = {
    model =
      field "As `ollama pull` takes it; `http://` before the host of a registry without TLS." { }
        (required (matching "a model of an Ollama registry" "\"llama2:7b\"" name));
    files = field "Globs of the files to take; all by default." { } (listOf text);
    exclude = field "Globs of the files to leave out." { } (listOf text);
  };

  parse = body: if match name body == null then null else { model = body; };

  reference = { model, ... }: "ollama:${model}";

  name = attrs: head (parts "[:@]" (last (parts "/" (head (parts "@" attrs.model)))));

  # The tag is part of the name; the lock has the manifest's digest.
  revision = _: "";

  pinned =
    attrs:
    let
      found = match ".*@(sha256:[0-9a-f]{64})" attrs.model;
    in
    if found == null then null else head found;

  environment = [
    "DOCKER_CONFIG"
    "NETRC"
    "OLLAMA_REGISTRY_PASSWORD"
    "OLLAMA_REGISTRY_USERNAME"
  ];
}
