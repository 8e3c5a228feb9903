# Small things with text that `builtins` lacks.
let
  inherit (builtins)
    concatStringsSep
    filter
    isString
    match
    replaceStrings
    split
    stringLength
    substring
    ;
  lower = "abcdefghijklmnopqrstuvwxyz";
  upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  letters = text: map (i: substring i 1 text) (builtins.genList (i: i) (stringLength text));
in
rec {
  # The parts of a text that match a one-character pattern, joined by `with_`.
  keep = pattern: with_: text: concatStringsSep with_ (filter isString (split "[^${pattern}]+" text));

  # A valid store name for any text; what is allowed already stays as it is.
  storeName =
    text:
    let
      clean = keep "A-Za-z0-9+._?=-" "-" text;
      undotted = match "[.]*(.*)" clean;
      name = substring 0 200 (builtins.head undotted);
    in
    if name == "" then "file" else name;

  # The algorithm of a hash in any notation.
  algorithm = hash: if match "sha512-.*" hash == null then "sha256" else "sha512";

  # The variable that holds a model's path: `phi-2` gives `PHI2_MODEL_PATH`.
  variable =
    name:
    let
      bare = replaceStrings (letters lower) (letters upper) (keep "A-Za-z0-9" "" name);
    in
    "${if match "[0-9].*" bare == null then "" else "_"}${bare}_MODEL_PATH";

  # A text as one word of a POSIX shell.
  shellWord = text: "'${replaceStrings [ "'" ] [ "'\\''" ] (toString text)}'";

  # Shell text that exports variables.
  # NB: transformers copies the code of a model below HF_HOME before it runs it; not into the store.
  exports =
    env:
    concatStringsSep "" (map (name: "export ${name}=${shellWord env.${name}}\n") (builtins.attrNames env))
    + (if env ? HF_HOME then modulesOutside else "");
  modulesOutside = ''
    export HF_MODULES_CACHE="''${HF_MODULES_CACHE:-''${XDG_CACHE_HOME:-$HOME/.cache}/huggingface/modules}"
  '';

  # The same, with a place that can be written for what clients unpack below HF_HOME.
  shell =
    env:
    exports env
    + (
      if env ? HF_HOME then
        ": \"\${HF_MODULES_CACHE:=\${XDG_CACHE_HOME:-$HOME/.cache}/huggingface/modules}\"; export HF_MODULES_CACHE\n"
      else
        ""
    );

  # The name of a repository's directory in a Hugging Face cache.
  hubEntry =
    {
      repo,
      kind ? "model",
      ...
    }:
    "${kind}s--${replaceStrings [ "/" ] [ "--" ] repo}";
}
