# Reads the three ways to write a source into one: { type; attrs; spec; reference; problems; }.
#
#   source = "huggingface:ORG/NAME@REV";               a reference
#   source.huggingface = { repo = "ORG/NAME"; };       a type and its attributes
#   source = "huggingface"; repo = "ORG/NAME";         a type, with its attributes beside it
args:
let
  inherit (builtins)
    attrNames
    concatMap
    elemAt
    elem
    filter
    head
    intersectAttrs
    isAttrs
    isString
    length
    listToAttrs
    match
    removeAttrs
    ;
  errors = import ../errors.nix;
  types = import ../types;
  sources = import ../sources;
  known = attrNames sources;
  given = args.source or { };

  # Where `source = "TYPE"`, the attributes of TYPE are taken from beside it.
  beside = isString given && sources ? ${given};
  flat = if beside then intersectAttrs sources.${given}.fields args else { };

  schemes = listToAttrs (
    concatMap (
      type:
      map (scheme: {
        name = scheme;
        value = type;
      }) sources.${type}.schemes
    ) known
  );
  split = match "([A-Za-z0-9-]+):(.*)" given;
  scheme = if split == null then null else elemAt split 0;
  # An address keeps its scheme: `https://…` is the body itself.
  body = if elem scheme [ "http" "https" ] then given else elemAt split 1;

  fail = problem: {
    type = null;
    attrs = { };
    problems = [ problem ];
  };

  fromReference =
    if split == null then
      fail (errors.unknownSource given known)
    else if !(schemes ? ${scheme}) then
      fail (errors.badReference given examples)
    else
      fromParsed schemes.${scheme} (sources.${schemes.${scheme}}.parse body);
  examples = map (type: "\"${sources.${type}.example}\"") known;
  fromParsed =
    type: attrs:
    if attrs == null then fail (errors.badReference given [ "\"${sources.${type}.example}\"" ]) else checked type attrs;

  # `source = { source = "huggingface"; … }`, the flat form inside `source`.
  inner = given.source or null;
  fromInner =
    if sources ? ${inner} then checked inner (removeAttrs given [ "source" ]) else fail (errors.unknownSource inner known);

  fromAttrs =
    let
      named = attrNames given;
      unknown = filter (name: !(sources ? ${name})) named;
    in
    if given == { } then
      fail (errors.noSource known)
    else if isString inner then
      fromInner
    else if unknown != [ ] then
      fail (errors.unknownSource (head unknown) known)
    else if length named > 1 then
      fail (errors.twoSources named)
    else
      checked (head named) given.${head named};

  checked =
    type: attrs:
    let
      illTyped = (types.record sources.${type}.fields).check "source.${type}" attrs;
    in
    {
      inherit type attrs;
      # What only the type itself can judge comes after the types of its attributes.
      problems = if illTyped != [ ] then illTyped else (sources.${type}.problems or (_: [ ])) attrs;
    };

  read =
    if beside then
      checked given flat
    else if isString given then
      fromReference
    else if isAttrs given then
      fromAttrs
    else
      fail (errors.illTyped "source" "a reference or an attribute set" "\"huggingface:ORG/NAME@main\"" given);
in
read
// {
  # Arguments that belonged to the source, to be left out of the check of the rest.
  taken = attrNames flat;
  # The form that lock files and builders read.
  spec = { ${read.type} = (sources.${read.type}.plain or (attrs: attrs)) read.attrs; };
  kind = sources.${read.type};
  reference = sources.${read.type}.reference read.attrs;
}
