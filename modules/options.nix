# Options of the module system made from a table of fields (lib/types), so that a model is written in
# a module as it is in `fetchModel`.
#
# NB: a leaf takes any value. What is wrong with it is told by an assertion, for all values at once
# and in the words of `fetchModel`; a type of the module system would stop at the first.
{ lib }:
let
  inherit (lib)
    literalExpression
    mapAttrs
    mkOption
    types
    ;

  leaf = type: types.anything // { description = type.expected; };

  typeOf =
    type:
    if !(type ? fields) then
      leaf type
    else if type.mayBeEmpty then
      submodule type.fields
    else
      types.nullOr (submodule type.fields);

  # Attributes that are not in the table pass too, to be named by the assertion.
  submodule =
    fields:
    types.submodule {
      freeformType = types.lazyAttrsOf types.anything;
      options = mapAttrs (_: option) fields;
    };

  option =
    field:
    mkOption (
      {
        inherit (field) description;
        type = typeOf field;
        # What is not given is null, and left out of the call.
        default = if field.mayBeEmpty or true then field.default or null else null;
      }
      // (if field ? fields then { } else { example = literalExpression field.example; })
      // (if field ? default then { } else { defaultText = literalExpression "null"; })
    );

  # Of the sources only the one that is used may be there.
  source =
    sources:
    mkOption {
      description = "Where the model comes from: a reference as text, or `source.<type> = { … }`.";
      type = types.either types.str (
        types.submodule {
          freeformType = types.lazyAttrsOf types.anything;
          options = mapAttrs (
            name: kind:
            mkOption {
              description = "Source of the type `${name}`.";
              type = types.nullOr (submodule kind.fields);
              default = null;
              example = literalExpression "\"${kind.example}\"";
            }
          ) sources;
        }
      );
      default = { };
      defaultText = literalExpression "what the lock file says";
      example = "huggingface:ORG/NAME@main";
    };

  # The attributes that somebody gave.
  given =
    value:
    if builtins.isAttrs value && !(lib.isDerivation value) then
      mapAttrs (_: given) (lib.filterAttrs (_: inner: inner != null) value)
    else
      value;
in
{
  inherit given;

  # The options of a model.
  model =
    mapAttrs (_: option) (import ../lib/types/fetchModel.nix)
    // {
      source = source (import ../lib/sources);
    };
}
