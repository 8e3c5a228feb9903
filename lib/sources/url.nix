# Addresses: every URL is a file of the model, with its own hash and mirrors if wanted.
let
  types = import ../types;
  errors = import ../errors.nix;
  percent = import ../internal/percent.nix;
  inherit (builtins)
    all
    attrNames
    elemAt
    filter
    groupBy
    head
    length
    listToAttrs
    map
    match
    ;
  inherit (types)
    bool
    field
    hash
    listOf
    matching
    record
    required
    text
    ;

  # NB: no user and password, which everybody could read in the store.
  address = matching "an http or https address without a password" "\"https://example.org/model.safetensors\"" "https?://[^/@?#]+([/?#].*)?";

  path = url: elemAt (match "[a-z]+://[^/?#]+([^?#]*).*" url) 0;
  lastPart = url: percent.decode (elemAt (match "(.*/)?([^/]*)" (path url)) 1);
  nameOf = one: one.name or (lastPart one.url);
in
{
  schemes = [
    "url"
    "http"
    "https"
  ];
  example = "https://example.org/model.safetensors";

  fields = {
    urls = field "The files, each by its address." {
      example = "[ { url = \"https://example.org/model.safetensors\"; } ]";
    } (required (
      listOf (record {
        url = field "Address of the file." { } (required address);
        sha256 =
          field "Hash of the file; with one beside every address nothing else is needed to pin the model." { }
            hash;
        name = field "Path of the file in the model; by default the address's last part." { } text;
        mirrors =
          field "Addresses of the same content, tried in order where the first fails." { }
            (listOf address);
      })
    ));
    unpack = field "Unpack zip and tar archives; the model is then pinned by `hash`." { } bool;
    files = field "Globs of the files to take; all by default." { } (listOf text);
    exclude = field "Globs of the files to leave out." { } (listOf text);
  };

  problems =
    attrs:
    let
      named = groupBy nameOf attrs.urls;
      twins = filter (name: name != "" && length named.${name} > 1) (attrNames named);
    in
    if attrs.urls == [ ] then
      [ (errors.badValue "source.url.urls" "names no address" attrs.urls "write for example: urls = [ { url = \"https://…\"; } ];") ]
    else if twins != [ ] then
      [
        (errors.badValue "source.url.urls" "gives two files the same name" (head twins)
          "name one of them: { url = \"${(elemAt named.${head twins} 1).url}\"; name = \"OTHER-NAME\"; }"
        )
      ]
    else if attrs.unpack or false then
      [ ]
    else
      map (
        one: errors.badValue "source.url.urls" "has an address that gives its file no name" one.url "write: { url = \"${one.url}\"; name = \"model.safetensors\"; sha256 = \"…\"; }"
      ) (filter (one: one ? sha256 && nameOf one == "") attrs.urls);

  parse = body: if match "https?://[^/@?#]+([/?#].*)?" body == null then null else { urls = [ { url = body; } ]; };

  reference = { urls, ... }: "url:${(head urls).url}";

  name =
    attrs:
    let
      last = lastPart (head attrs.urls).url;
    in
    if last == "" then "model" else last;

  revision = _: "";

  pinned = _: null;

  # The hash of each file by its path, where the source has them all.
  hashes =
    attrs:
    if !(attrs.unpack or false) && all (one: one ? sha256) attrs.urls then
      listToAttrs (
        map (one: {
          name = nameOf one;
          value = one.sha256;
        }) attrs.urls
      )
    else
      null;

  # Whether only `hash` can pin it: one archive is many files.
  wholeOnly = attrs: attrs.unpack or false;

  environment = [
    "NETRC"
    "NIX_AI_MODELS_URL_TOKEN"
  ];
}
