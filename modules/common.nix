# What the modules have in common: the options, and their meaning as plain values. The backends only
# say where things go.
#
#   { options; locked; read; pathLinks; hubLinks; }    with `read config` giving
#   { problems; packages; entries; lazy; ollama; wrappers; variables; … }, see below.
{
  lib,
  # Where the options are, as users write it: "services.ai-models".
  root,
  # Gives the library of the default toolchain; only called where nobody brings another.
  defaultLibrary,
}:
let
  inherit (lib)
    attrNames
    attrValues
    concatLists
    concatStringsSep
    filter
    filterAttrs
    groupBy
    hasPrefix
    length
    literalExpression
    mapAttrs
    mapAttrsToList
    mkEnableOption
    mkOption
    removePrefix
    types
    ;
  fields = import ./options.nix { inherit lib; };
  readArguments = import ../lib/internal/arguments.nix;
  readLock = import ../lib/internal/lockfile.nix;
  hubEntry = import ../lib/internal/hubEntry.nix;
  text = import ../lib/internal/text.nix;
in
rec {
  inherit root;

  # Attributes of a model that are the modules' own, and not arguments of fetchModel.
  ownOptions = [
    "enable"
    "package"
    "path"
  ];

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
      default = lib.all (model: model.args.integration.huggingface.offlineMode) (attrValues (sound cfg));
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

  locked = cfg: if lockProblems cfg == [ ] && cfg.lockFile != null then (readLock cfg.lockFile).models else { };

  lockProblems =
    cfg:
    if cfg.lockFile == null || builtins.pathExists cfg.lockFile then
      [ ]
    else
      [
        "`${root}.lockFile` is not there, got ${toString cfg.lockFile}\nTo fix, run: nix-ai-model lock add NAME REFERENCE   (and in a flake: git add models.lock.json)"
      ];

  # The arguments of every enabled model: those given, and the pin of the lock file.
  arguments =
    cfg:
    mapAttrs (
      name: model:
      let
        own = fields.given (removeAttrs model ownOptions);
        pinned = own ? hash || own ? fileHashes || own ? lock || own.impure or false == true;
        args = if own.source or { } == { } then removeAttrs own [ "source" ] else own;
      in
      args // (if !pinned && locked cfg ? ${name} then { lock = (locked cfg).${name}; } else { })
    ) (filterAttrs (_: model: model.enable) cfg.models);

  # What fetchModel makes of them, and those that it would take.
  readings = cfg: mapAttrs (_: readArguments) (arguments cfg);
  sound = cfg: filterAttrs (_: model: model.problems == [ ]) (readings cfg);

  # A problem, with the option's full path in place of the attribute's.
  at =
    name: problem:
    let
      path = "${root}.models.${name}";
    in
    if hasPrefix "`" problem then "`${path}.${removePrefix "`" problem}" else "${path}: ${problem}";

  read =
    cfg:
    let
      models = sound cfg;
      packages = mapAttrs (name: args: cfg.library.fetchModel args) (arguments cfg);

      entries = mapAttrs (_: model: hubEntry { inherit (model) source args; }) models;
      cached = filterAttrs (
        name: entry:
        entry != null
        && (models.${name}.args.integration.huggingface.enable || cfg.huggingfaceIntegration or false)
      ) entries;
      byEntry = groupBy (name: cached.${name}.directory) (attrNames cached);

      # Two revisions of one repository share an entry, so they need names of their own.
      refProblems = concatLists (
        mapAttrsToList (
          directory: names:
          let
            claims = concatLists (map (name: map (ref: { inherit name ref; }) cached.${name}.refs) names);
            byRef = filterAttrs (_: claim: length claim > 1) (groupBy (claim: claim.ref) claims);
          in
          mapAttrsToList (
            ref: claim:
            let
              who = map (one: "`${root}.models.${one.name}`") claim;
              last = (lib.last claim).name;
            in
            "${concatStringsSep " and " who} both give the name \"${ref}\" to a revision of ${directory}\nTo fix, write for one of them: ${root}.models.${last}.integration.huggingface.refs = [ \"${last}\" ];"
          ) byRef
        ) byEntry
      );

      ollama = filter (name: models.${name}.args.integration.wrappers.ollama.enable) (attrNames models);

      byVariable = filterAttrs (_: names: length names > 1) (
        groupBy (name: text.variable (models.${name}.args.name or name)) (attrNames models)
      );
      variableProblems = mapAttrsToList (
        variable: names:
        "${concatStringsSep " and " (map (name: "`${root}.models.${name}`") names)} would both be ${variable}\nTo fix, rename one of them."
      ) byVariable;
    in
    {
      inherit packages;

      # Everything that is wrong, in words; nothing else may be used where there is any.
      problems =
        lockProblems cfg
        ++ concatLists (mapAttrsToList (name: model: map (at name) model.problems) (readings cfg))
        ++ refProblems
        ++ variableProblems;

      # Links into a Hugging Face cache: entry → where it leads and for which models.
      entries = mapAttrs (
        directory: names:
        {
          inherit names;
          target =
            if length names == 1 then
              packages.${lib.head names}.hub
            else
              "${(cfg.library.mkHfCache (map (name: packages.${name}) names)).hub}/${directory}";
        }
      ) byEntry;

      lazy = filterAttrs (_: model: model.lazy) packages;

      # Commands that fetch the lazy models.
      fetchCommands = map (
        model:
        cfg.library.wrapProgram {
          program = "${model}/bin/fetch-${model.name}";
          models = [ ];
        }
      ) (filter (model: model.lazy) (attrValues packages));

      # Names of the models that Ollama should have, and its store with them.
      ollamaStore = cfg.library.mkOllamaStore (map (name: packages.${name}) ollama);
      inherit ollama;

      wrappers = map (name: packages.${name}.wrappers.python) (
        filter (name: models.${name}.args.integration.wrappers.python.enable) (attrNames models)
      );

      # The variables of some models, at their stable paths.
      variables =
        names:
        lib.foldl' (all: name: all // ownVariables models.${name} cfg.models.${name}.path name) { } names;

      hubVariables =
        hub:
        let
          offline = if cfg.offline then "1" else "0";
        in
        {
          HF_HUB_CACHE = hub;
          HF_HUB_OFFLINE = offline;
          TRANSFORMERS_OFFLINE = offline;
          HF_DATASETS_OFFLINE = offline;
        };

      names = attrNames models;
      inherit models;
    };

  ownVariables =
    model: path: name:
    {
      ${text.variable (model.args.name or name)} = path;
    }
    // mapAttrs (_: builtins.replaceStrings [ "@out@" ] [ path ]) model.args.integration.environment;

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
