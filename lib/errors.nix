# The only place that words an error of the Nix library: a cause, what came, and something to paste.
let
  inherit (builtins)
    attrNames
    concatStringsSep
    elemAt
    filter
    foldl'
    genList
    head
    isAttrs
    isFunction
    isList
    isString
    length
    sort
    stringLength
    substring
    typeOf
    ;

  prefix = "nix-ai-models.";

  # Levenshtein distance, one row at a time; only ever evaluated to word an error.
  distance =
    a: b:
    let
      next =
        row: i:
        foldl' (
          done: j:
          done
          ++ [
            (minimum [
              (elemAt row (j + 1) + 1)
              (elemAt done j + 1)
              (elemAt row j + (if substring i 1 a == substring j 1 b then 0 else 1))
            ])
          ]
        ) [ (i + 1) ] (range (stringLength b));
      rows = foldl' next (range (stringLength b + 1)) (range (stringLength a));
    in
    elemAt rows (stringLength b);
  range = genList (i: i);
  minimum = list: foldl' (a: b: if a < b then a else b) (head list) list;

  # The valid name that a misspelt one most likely means, as `; did you mean "x"?`, or nothing.
  didYouMean =
    valid: got:
    let
      scored = map (name: {
        inherit name;
        score = distance got name;
      }) (filter (name: stringLength name > 0) valid);
      near = filter (entry: entry.score <= 1 + stringLength got / 3) scored;
      best = head (sort (x: y: x.score < y.score) near);
    in
    if near == [ ] then "" else "; did you mean \"${best.name}\"?";

  # A value as a person wrote it, short, and never the content of an attribute set.
  show =
    value:
    if isString value then
      "\"${if stringLength value > 80 then "${substring 0 80 value}…" else value}\""
    else if isAttrs value then
      "a set with ${quoted (attrNames value)}"
    else if isList value then
      "a list of ${toString (length value)}"
    else if isFunction value then
      "a function"
    else if value == null then
      "null"
    else if typeOf value == "bool" then
      (if value then "true" else "false")
    else
      toString value;
  quoted = names: if names == [ ] then "nothing in it" else concatStringsSep ", " (map (n: "`${n}`") names);
  and = names: concatStringsSep " and " (map (name: "`${name}`") names);
  last = list: elemAt list (length list - 1);
  message = cause: remedy: "${cause}\nTo fix, ${remedy}";

in
rec {
  inherit didYouMean quoted show;

  # Throws every problem of one call at once.
  # Type: refuse :: String -> [String] -> a
  refuse =
    function: problems:
    throw "${prefix}${function}: ${concatStringsSep "\n${prefix}${function}: " problems}";

  unknownAttribute =
    path: name: valid:
    message "`${at path name}` is no attribute here, got ${show name}${didYouMean valid name}" "use one of: ${concatStringsSep ", " valid}.";

  illTyped =
    path: expected: example: value:
    message "`${path}` must be ${expected}, got ${show value}" "write for example: ${path} = ${example};";

  missing =
    path: example:
    message "`${path}` is missing" "write for example: ${path} = ${example};";

  tokenInNix =
    path:
    message "`${path}` is refused: it would be readable by everybody in the Nix store, got a value that is not shown" "remove it (and revoke that token), and give the token in the environment: export HF_TOKEN=…";

  secretsAreMasked =
    path:
    message "`${path}` cannot be turned off: build logs are kept, and shared with everybody, got false" "remove it; to look for a credential's origin, run: nix-ai-model doctor";

  signers =
    given:
    message "`security.signature` must say whose signature counts in one way, got ${
      if given == [ ] then "none" else quoted given
    }" "keep one of: publicKey = ./signer.pub; certificates = [ ./root.pem ]; identity = \"me@example.com\";";

  identityAlone =
    lacks:
    message "`security.signature.identity` counts only with its issuer, and is verified without network, got no ${quoted lacks}" "write: issuer = \"https://github.com/login/oauth\"; trustRoot = ./trusted_root.json; (made by: cosign trusted-root create --with-default-services --out trusted_root.json)";

  unknownSource =
    name: valid:
    message "`source` names no known type, got ${show name}${didYouMean valid name}" "write one of: ${
      concatStringsSep " " (map (type: "source.${type} = { … };") valid)
    }";

  twoSources =
    names:
    message "`source` must name one type, got ${quoted names}" "keep one of them; a model of several parts is several models.";

  noSource =
    valid:
    message "`source` is missing or empty" "write one of: ${
      concatStringsSep " " (map (type: "source.${type} = { … };") valid)
    }";

  badReference =
    text: examples:
    message "`source` is no reference to a model, got ${show text}" "write one of: ${concatStringsSep ", " examples}.";

  badValue =
    path: what: value: remedy:
    message "`${path}` ${what}, got ${show value}" remedy;

  # No integrity at all: what to paste, so that the next build works or prints the hash.
  noIntegrity =
    reference:
    message "the model is not pinned: none of `hash`, `fileHashes`, `lock` is given" ''
      paste what this prints (it downloads no weights):
          nix-ai-model prefetch '${reference}'
      or write the following, and copy the hash that the failing build prints:
          hash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";'';

  severalOf =
    path: names:
    message "`${path}` is asked for in several ways, got ${quoted names}" "keep one of them.";

  twoIntegrities =
    names:
    message "the model is pinned twice, by ${quoted names}" "keep one of `lock` (best), `fileHashes`, `hash`.";

  onlyWhole =
    given:
    message "`${given}` cannot pin a source that is unpacked, whose files are not known before" ''
      write the following, and copy the hash that the failing build prints:
          hash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";'';

  lockVersion =
    got: file:
    message "the lock file ${file} has version ${show got}; this library reads version 1" "write it anew with: nix-ai-model lock update --lock-file ${file}";

  lockName =
    file: name: names:
    message "the lock file ${file} has no model ${show name}${didYouMean names name}" (
      if names == [ ] then "add it: nix-ai-model lock add ${name} REFERENCE" else "use one of: ${concatStringsSep ", " names}."
    );

  lockMismatch =
    locked: given:
    message "`lock` is for another source than `source`, got ${show locked} in the lock and ${show given} in the call" "leave `source` out, or lock it: nix-ai-model lock add NAME ${given}";

  relativePath =
    given:
    message "`source.local.path` is relative to nothing when it is a string, got ${show given}" (
      if substring 0 1 given == "~" then
        "write the whole path of the home directory: source.local.path = \"/home/…${substring 1 (stringLength given) given}\";"
      else
        "write it as a Nix path: source.local.path = ${if substring 0 1 given == "." then given else "./${given}"};"
    );

  localMismatch =
    place: locked: got: reference:
    message
      "${place} is not what was pinned: its hash should be ${locked}, got ${if got == null then "another" else got}"
      ''
        accept what is there now with one of:
            nix-ai-model lock update
            nix-ai-model prefetch '${reference}'
        or take whatever is there, with this as a warning: source.local.strict = false;'';

  notHere =
    path: why: remedy:
    message "`${path}` cannot be used here: ${why}" remedy;

  noLockFile =
    path: file:
    message "`${path}` is not there, got ${file}" "run: nix-ai-model lock add NAME REFERENCE   (and in a flake: git add models.lock.json)";

  # Two models of a cache entry, by their options, that give one name to different revisions.
  refTwice =
    directory: ref: options:
    message "${and options} both give the name \"${ref}\" to a revision of ${directory}" "write for one of them: ${last options}.integration.huggingface.refs = [ \"OTHER-NAME\" ];";

  variableTwice =
    variable: options:
    message "${and options} would both be ${variable}" "rename one of them.";

  noEnabledModel =
    path: name: names:
    message "`${path}` names no enabled model, got ${show name}${didYouMean names name}" "use one of: ${concatStringsSep ", " names}.";

  tokenInStore =
    path: file:
    message "`${path}` is in the store, where everybody can read it, got ${file}" "write the path that the secret has at run time, as a string: ${path} = \"/run/secrets/hf-token\";";

  at = path: name: if path == "" then name else "${path}.${name}";
}
