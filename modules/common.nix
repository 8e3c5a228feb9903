# What the modules have in common: the options, and their meaning (`read`).
{
  lib,
  # Where the options are, as users write it: "services.ai-models".
  root,
  # The library of the default toolchain; only used where nobody brings another.
  defaultLibrary,
}:
let
  inherit (lib)
    attrValues
    concatStringsSep
    literalExpression
    mapAttrsToList
    mkEnableOption
    mkOption
    types
    ;
  fields = import ./options.nix { inherit lib; };
  declared = import ./declared.nix { inherit lib; };
  read = import ./read.nix { inherit lib root; };

  modelOptions =
    cfg: pathOf:
    { name, ... }:
    {
      freeformType = types.lazyAttrsOf types.anything;
      options = fields.model // {
        enable = mkOption {
          type = types.bool;
          default = true;
          example = false;
          description = "Whether the model is there; `false` leaves out one that the lock file has.";
        };
        name = fields.model.name // {
          default = name;
          defaultText = literalExpression "the attribute's name";
        };
        package = mkOption {
          type = types.package;
          readOnly = true;
          default = (read cfg).packages.${name} or (throw "${root}.models.${name} is not enabled");
          defaultText = literalExpression "the derivation";
          description = "The model, for other options: its store path, `env`, `hub` and the like.";
        };
        path = mkOption {
          type = types.str;
          readOnly = true;
          default = pathOf name;
          defaultText = literalExpression "below the directory of the module's links";
          description = "A path of the model that stays the same when its revision changes.";
        };
      };
    };
in
{
  inherit read;
  inherit (declared) locked;

  # `cfg` is the value of these very options; `pathOf` gives the stable path of a model's name.
  options = cfg: pathOf: {
    enable = mkEnableOption "AI models, pinned and checked, for offline use";

    models = mkOption {
      type = types.attrsOf (types.submodule (modelOptions cfg pathOf));
      default = { };
      example = literalExpression ''
        {
          minilm.source.huggingface.repo = "sentence-transformers/all-MiniLM-L6-v2";
          minilm.hash = "sha256-…";
        }
      '';
      description = "The models, each with the arguments of `fetchModel`.";
    };

    lockFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = literalExpression "./models.lock.json";
      description = ''
        Lock file of `nix-ai-model lock`. All its models are there; `models.<name>` adds arguments to
        one, and `models.<name>.enable = false` leaves it out.
      '';
    };

    offline = mkOption {
      type = types.bool;
      default = lib.all (model: model.args.integration.huggingface.offlineMode) (attrValues (declared.sound cfg));
      defaultText = literalExpression "whether every model has integration.huggingface.offlineMode";
      example = false;
      description = ''
        Whether programs are told to ask no hub. Without it a client that sees a newer revision
        upstream tries to write into the cache of the store, and fails.
      '';
    };

    library = mkOption {
      type = types.raw;
      default = defaultLibrary;
      defaultText = literalExpression "inputs.nix-ai-models.lib.withPkgs pkgs";
      example = literalExpression "inputs.nix-ai-models.lib.withPkgs pkgs-unstable";
      description = "The library that builds the models, to bring Python and scanners of your own.";
    };
  };

  # Links for a manifest: the stable paths of the models, and the entries of a cache.
  pathLinks =
    reading: directory:
    mapAttrsToList (name: package: {
      path = "${directory}/${name}";
      target = "${package}";
      model = name;
    }) reading.packages;

  hubLinks =
    reading: hub:
    mapAttrsToList (directory: entry: {
      path = "${hub}/${directory}";
      inherit (entry) target;
      model = concatStringsSep ", " entry.names;
    }) reading.entries;
}
