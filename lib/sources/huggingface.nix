# Hugging Face Hub repositories: models, datasets and spaces.
let
  types = import ../types;
  inherit (builtins)
    elemAt
    filter
    isString
    match
    split
    ;
  inherit (types)
    either
    enum
    field
    listOf
    matching
    required
    text
    ;

  owned = "[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(/[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?)?";
  lastPart = repo: builtins.foldl' (_: part: part) repo (filter isString (split "/" repo));
  address = matching "an http or https address" "\"https://huggingface.co\"" "https?://[^/]+.*";
in
{
  # Schemes of references to this type.
  schemes = [
    "huggingface"
    "hf"
  ];
  example = "huggingface:ORG/NAME@main";

  fields = {
    repo = field "Repository id, with or without an owner." { } (
      required (matching "a Hugging Face repository id" "\"ORG/NAME\"" owned)
    );
    kind = field "What kind of repository it is; a model by default." { example = "\"dataset\""; } (enum [
      "model"
      "dataset"
      "space"
    ]);
    revision =
      field "Branch, tag, commit or `refs/pr/N`; `main` by default."
        { example = "\"main\""; }
        text;
    files = field "Globs of the files to take; all by default." {
      example = "[ \"*.safetensors\" \"*.json\" ]";
    } (listOf text);
    exclude = field "Globs of the files to leave out." { example = "[ \"*.bin\" ]"; } (listOf text);
    endpoint =
      field "Address of the hub, or several to try in order; by default HF_ENDPOINT, then the public one."
        { }
        (either address (listOf address));
  };

  # Reads what follows the scheme of a reference; null when it cannot be read.
  parse =
    body:
    let
      found = match "(datasets/|spaces/|models/)?(${owned})(@(.+))?" body;
      kind = elemAt found 0;
      revision = elemAt found 6;
    in
    if found == null then
      null
    else
      {
        repo = elemAt found 1;
        revision = if revision == null then "main" else revision;
      }
      // (if kind == "datasets/" then { kind = "dataset"; } else { })
      // (if kind == "spaces/" then { kind = "space"; } else { });

  reference =
    {
      repo,
      kind ? "model",
      revision ? "main",
      ...
    }:
    "huggingface:${if kind == "model" then "" else "${kind}s/"}${repo}@${revision}";

  # The source's own idea of the derivation's name.
  name = attrs: lastPart attrs.repo;

  # What is asked for where nothing is locked.
  revision = attrs: attrs.revision or "main";

  # The commit, where the source names one itself.
  pinned = attrs: if match "[0-9a-f]{40}" (attrs.revision or "") != null then attrs.revision else null;

  # Impure variables that the fetch may read.
  environment = [
    "HF_ENDPOINT"
    "HF_TOKEN"
    "HUGGING_FACE_HUB_TOKEN"
    "HUGGINGFACE_API_KEY"
  ];
}
