# What the object stores have in common; `fetchers/objects.py` is the other half.
let
  types = import ../types;
  inherit (builtins)
    concatStringsSep
    elemAt
    filter
    foldl'
    genList
    isString
    length
    listToAttrs
    match
    split
    ;
  inherit (types)
    bool
    field
    listOf
    string
    text
    ;

  # A sequence of N values by the names they have, and the prefix behind them.
  named =
    names: values:
    listToAttrs (
      genList (index: {
        name = elemAt names index;
        value = elemAt values index;
      }) (length names)
    );
in
{
  /**
    A source whose models are the objects below a prefix.

    # Inputs

    `scheme`
    : of its references.

    `parents`
    : names of the attributes that stand before the prefix in a reference, all of them required.

    `example`
    : a reference.

    `fields`
    : the attributes that only this store has, `parents` among them.

    `environment`
    : variables that a download may read.
  */
  store =
    {
      scheme,
      parents,
      example,
      fields,
      environment,
    }:
    let
      pattern = "//" + concatStringsSep "/" (map (_: "([^/]+)") parents) + "(/(.*))?";
      values = attrs: map (name: attrs.${name}) parents;
    in
    {
      schemes = [ scheme ];
      inherit environment example;

      fields = {
        prefix =
          field "What the names of the model's objects begin with; the rest of a name is the file's path." { }
            string;
        anonymous = field "Send no credentials, even where there are some." { } bool;
        files = field "Globs of the files to take; all by default." { } (listOf text);
        exclude = field "Globs of the files to leave out." { } (listOf text);
      }
      // fields;

      # Null when a parent is missing.
      parse =
        body:
        let
          found = match pattern body;
          prefix = elemAt found (length parents + 1);
        in
        if found == null then
          null
        else
          named parents found // { prefix = if prefix == null then "" else prefix; };

      reference =
        attrs: "${scheme}://${concatStringsSep "/" (values attrs)}/${attrs.prefix or ""}";

      # The last part of the prefix, or the nearest parent where there is none.
      name =
        attrs:
        foldl' (last: part: if part == "" then last else part)
          (elemAt (values attrs) (length parents - 1))
          (filter isString (split "/" (attrs.prefix or "")));

      # A prefix has none: its objects are pinned one by one.
      revision = _: "";

      pinned = _: null;
    };
}
