# What a configuration means, as plain values; the backends say where things go.
{ lib, root }:
let
  inherit (lib)
    attrNames
    attrValues
    filter
    filterAttrs
    foldl'
    groupBy
    head
    length
    mapAttrs
    ;
  declared = import ./declared.nix { inherit lib; };
  tell = import ./problems.nix { inherit lib root; };
  hubEntry = import ../lib/internal/hubEntry.nix;
  text = import ../lib/internal/text.nix;
in
cfg:
let
  readings = declared.readings cfg;
  models = declared.sound cfg;
  integration = name: models.${name}.args.integration;
  packages = mapAttrs (_: args: cfg.library.fetchModel args) (declared.arguments cfg);

  # Entries of a Hugging Face cache, for the models that should be in one.
  cached = filterAttrs (
    name: entry:
    entry != null && ((integration name).huggingface.enable || cfg.huggingfaceIntegration or false)
  ) (mapAttrs (_: model: hubEntry { inherit (model) source args; }) models);
  byEntry = mapAttrs (_: names: lib.genAttrs names (name: cached.${name})) (
    groupBy (name: cached.${name}.directory) (attrNames cached)
  );

  # Names of the models that a program should have.
  wrappedFor = program: filter (name: (integration name).wrappers.${program}.enable) (attrNames models);
  ollama = wrappedFor "ollama";

  own =
    name:
    let
      inherit (cfg.models.${name}) path;
    in
    {
      ${text.variable models.${name}.args.name} = path;
    }
    // mapAttrs (_: builtins.replaceStrings [ "@out@" ] [ path ]) (integration name).environment;
in
{
  inherit models packages ollama;
  names = attrNames models;

  # Everything that is wrong, in words; nothing else may be used where there is any.
  problems = tell {
    inherit cfg readings byEntry;
    sound = models;
  };

  # Cache entry → where it leads, and for which models.
  entries = mapAttrs (
    directory: entries:
    let
      names = attrNames entries;
    in
    {
      inherit names;
      target =
        if length names == 1 then
          packages.${head names}.hub
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

  ollamaStore = cfg.library.mkOllamaStore (map (name: packages.${name}) ollama);

  wrappers = map (name: packages.${name}.wrappers.python) (wrappedFor "python");

  # The variables of some models, at their stable paths.
  variables = foldl' (all: name: all // own name) { };

  # The variables of a cache.
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
}
