# Everything that docs/options.md lists, as data: { fetchModel; sources; nixos; home; perSystem; }, each
# a list of { name; type; default; example; description; } with texts.
{
  lib,
  homeManager,
  flakeParts,
}:
let
  inherit (builtins)
    attrNames
    concatMap
    isAttrs
    mapAttrs
    toJSON
    ;

  # How a default is written in Nix; only plain data has one.
  show =
    value:
    if isAttrs value then
      "{ }"
    else if builtins.isList value then
      "[ ${lib.concatMapStringsSep " " show value} ]"
    else
      toJSON value;

  # Fields of a table, those within others after them.
  rows =
    prefix: fields:
    concatMap (
      key:
      let
        field = fields.${key};
        name = if prefix == "" then key else "${prefix}.${key}";
        inner = field.fields or (field.element or { }).fields or null;
        below = if inner == null then [ ] else rows (if field ? element then "${name}.*" else name) inner;
      in
      [
        {
          inherit name;
          inherit (field) description;
          type = field.expected;
          default =
            if field.required or false then
              "required"
            else if field ? default && !(field ? fields) then
              show field.default
            else
              "";
          example = if field ? fields then "" else field.example;
        }
      ]
      ++ below
    ) (attrNames fields);

  text = value: if value ? text then value.text else show value;

  # Options of a module, but not those of a model, which are the arguments of fetchModel.
  options =
    root: own: evaluated:
    map (option: {
      inherit (option) name type description;
      default = if option ? default then text option.default else "required";
      example = if option ? example then text option.example else "";
    }) (
      lib.filter (
        option:
        option.visible
        && !option.internal
        && lib.hasPrefix "${root}." option.name
        && (
          !(lib.hasPrefix "${root}.models.<name>." option.name)
          || lib.elem (lib.removePrefix "${root}.models.<name>." option.name) own
        )
      ) (lib.optionAttrSetToDocList evaluated)
    );

  library = { };
  own = [
    "enable"
    "package"
    "path"
  ];
in
{
  fetchModel = rows "" (import ../lib/types/fetchModel.nix);
  sources = mapAttrs (name: kind: rows "source.${name}" kind.fields) (import ../lib/sources);
  nixos = options "services.ai-models" own (import ../tests/modules/nixos.nix { inherit lib library; } { }).options;
  home = options "programs.ai-models" own (import ../tests/modules/home.nix { inherit lib homeManager library; } { }).options;
  perSystem = options "ai-models" own (import ../tests/modules/perSystem.nix { inherit lib flakeParts library; } { }).options;
}
