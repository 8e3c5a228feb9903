# Checked types for arguments. A type's `check` takes the path of a value and the value, and gives a
# list of problems (texts), so that every problem of a call is told at once.
let
  inherit (builtins)
    any
    attrNames
    attrValues
    concatLists
    concatMap
    elem
    filter
    genList
    isAttrs
    isBool
    isFloat
    isInt
    isList
    isPath
    isString
    length
    listToAttrs
    elemAt
    match
    ;
  errors = import ../errors.nix;

  # A type without structure: what to call it, an example to paste, and its test.
  scalar = expected: example: test: {
    inherit expected example;
    check = path: value: if test value then [ ] else [ (errors.illTyped path expected example value) ];
  };
  sri = "sha256-[A-Za-z0-9+/]{43}=|sha512-[A-Za-z0-9+/]{86}==|sha256:[0-9a-f]{64}|[0-9a-f]{64}|(sha256:)?[0-9a-df-np-sv-z]{52}";
in
rec {
  string = scalar "a string" "\"…\"" isString;
  text = scalar "a string that is not empty" "\"…\"" (v: isString v && v != "");
  bool = scalar "true or false" "true" isBool;
  positive = scalar "a whole number above 0" "3" (v: isInt v && v > 0);
  count = scalar "a whole number, 0 or more" "3" (v: isInt v && v >= 0);
  seconds = scalar "a number of seconds, 0 or more" "5" (v: (isInt v || isFloat v) && v >= 0);
  attrs = scalar "an attribute set" "{ }" isAttrs;
  anything = scalar "anything" "…" (_: true);

  # A file outside the store. NB: a Nix path would be copied into the store, secret and all.
  outsidePath = scalar "an absolute path as a string, so that it is not copied into the store" "\"/run/secrets/token\"" (
    v: isString v && match "/.*" v != null
  );

  # A file that is read at evaluation.
  pathLike = scalar "a path" "./models.lock.json" (v: isPath v || (isString v && v != ""));

  hash = scalar "a hash" "\"sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"" (
    v: isString v && match sri v != null
  );

  storeName = scalar "a store name (letters, digits and +-._?=, not starting with a dot)" "\"my-model\"" (
    v: isString v && match "[A-Za-z0-9+_?=-][A-Za-z0-9+._?=-]{0,200}" v != null
  );

  matching =
    expected: example: pattern:
    scalar expected example (v: isString v && match pattern v != null);

  enum =
    values:
    {
      expected = "one of ${errors.quoted values}";
      example = "\"${builtins.head values}\"";
      check =
        path: value:
        if elem value values then
          [ ]
        else if isString value then
          [
            (errors.badValue path "is none of its values" value "use one of: ${builtins.concatStringsSep ", " values}${errors.didYouMean values value}")
          ]
        else
          [ (errors.illTyped path "one of ${errors.quoted values}" "\"${builtins.head values}\"" value) ];
    };

  nullOr = type: type // { check = path: value: if value == null then [ ] else type.check path value; };

  either = a: b: {
    expected = "${a.expected} or ${b.expected}";
    inherit (a) example;
    check = path: value: if a.check path value == [ ] then [ ] else b.check path value;
  };

  listOf = type: {
    element = type;
    expected = "a list, each ${type.expected}";
    example = "[ ${type.example} ]";
    check =
      path: value:
      if !isList value then
        [ (errors.illTyped path "a list" "[ ${type.example} ]" value) ]
      else
        concatLists (genList (i: type.check "${path}[${toString i}]" (elemAt value i)) (length value));
  }
  // (if type ? fill then { fill = map type.fill; } else { });

  attrsOf = type: {
    attribute = type;
    expected = "an attribute set, each ${type.expected}";
    example = "{ … = ${type.example}; }";
    check =
      path: value:
      if !isAttrs value then
        [ (errors.illTyped path "an attribute set" "{ … = ${type.example}; }" value) ]
      else
        concatMap (name: type.check "${path}.\"${name}\"" value.${name}) (attrNames value);
  };

  # An attribute set with known attributes. `fields` maps a name to a type; a field may be given as
  # `required type`. `check` refuses every other name and says the nearest one; `fill` gives every
  # attribute that was left out its default.
  record = fields: {
    inherit fields;
    expected = "an attribute set";
    example = "{ }";
    check =
      path: value:
      if !isAttrs value then
        [ (errors.illTyped path "an attribute set" "{ }" value) ]
      else
        concatMap (
          name:
          if fields ? ${name} then
            fields.${name}.check (errors.at path name) value.${name}
          else
            [ (errors.unknownAttribute path name (attrNames fields)) ]
        ) (attrNames value)
        ++ map (name: errors.missing (errors.at path name) fields.${name}.example) (
          filter (name: (fields.${name}.required or false) && !(value ? ${name})) (attrNames fields)
        );
    # What an attribute of this type is for those who read arguments when it was left out.
    default = { };
    # Whether it may be written without anything in it.
    mayBeEmpty = !(any (field: field.required or false) (attrValues fields));
    fill =
      value:
      value
      // listToAttrs (
        map (name: {
          inherit name;
          value = (fields.${name}.fill or (given: given)) (value.${name} or fields.${name}.default);
        }) (filter (name: value ? ${name} || fields.${name} ? default) (attrNames fields))
      );
  };

  required = type: type // { required = true; };

  # A field: its sentence for people, what else is known of it (`default`, a value, and `example`, a
  # text to paste), and its type.
  field =
    description: more: type:
    type // more // { inherit description; };

  # An attribute that exists only to be refused with its reason.
  refused = problem: {
    expected = "nothing";
    example = "…";
    check = path: _: [ (problem path) ];
  };

  # A switch that cannot be turned off.
  onlyTrue = problem: {
    expected = "true";
    example = "true";
    check =
      path: value:
      if value == false then
        [ (problem path) ]
      else if value == true then
        [ ]
      else
        [ (errors.illTyped path "true" "true" value) ];
  };
}
