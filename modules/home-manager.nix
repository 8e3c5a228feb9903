# programs.ai-models: models in the caches of one user, by Home Manager, on Linux and Darwin.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib)
    concatLists
    literalExpression
    mapAttrs
    mapAttrsToList
    mkIf
    mkMerge
    mkOption
    types
    ;
  cfg = config.programs.ai-models;
  common = import ./common.nix {
    inherit lib;
    root = "programs.ai-models";
    defaultLibrary = import ../lib { toolchain = import ../lib/toolchain.nix pkgs; };
  };
  reading = common.read cfg;
  command = "${cfg.library.command}/bin/nix-ai-model";
  paths = "${config.xdg.dataHome}/ai-models";
  memory = "${config.xdg.stateHome}/nix-ai-models";

  # A model may ask for a cache of its own.
  cacheOf = name: reading.models.${name}.args.integration.huggingface.cacheDir or null;
  hubLinks = concatLists (
    mapAttrsToList (
      directory: entry:
      map (cache: {
        path = "${cache}/${directory}";
        inherit (entry) target;
        model = lib.concatStringsSep ", " entry.names;
      }) (lib.unique (map (name: let own = cacheOf name; in if own == null then cfg.cacheDir else own) entry.names))
    ) reading.entries
  );

  state = "${memory}/links.json";
  manifest = cfg.library.mkManifest {
    inherit state;
    links = common.pathLinks reading paths ++ hubLinks ++ [
      {
        path = "${memory}/remove";
        target = "${remove}/bin/remove";
        model = "all";
      }
    ];
  };

  # What takes everything away again, left where a later configuration without the module finds it.
  remove = cfg.library.wrapProgram {
    name = "remove";
    program = command;
    arguments = [
      "link"
      "--manifest"
      "${cfg.library.mkManifest { inherit state; }}"
    ];
    models = [ ];
  };
in
{
  options.programs.ai-models = common.options cfg (name: "${paths}/${name}") // {
    huggingfaceIntegration = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = ''
        Whether every model of the Hugging Face hub is linked into the user's cache, whatever its own
        `integration.huggingface.enable` says.
      '';
    };

    cacheDir = mkOption {
      type = types.strMatching "/.*[^/]";
      default = "${config.xdg.cacheHome}/huggingface/hub";
      defaultText = literalExpression "\"\${config.xdg.cacheHome}/huggingface/hub\"";
      example = "/home/me/models/hub";
      description = "The Hugging Face cache (`HF_HUB_CACHE`) in which the models are linked.";
    };

    setSessionVariables = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = "Whether sessions get the variables by which programs find the models.";
    };
  };

  config = mkMerge [
    { programs.ai-models.models = mapAttrs (_: _: { }) (common.locked cfg); }

    (mkIf (!cfg.enable) {
      home.activation.aiModels = lib.hm.dag.entryAfter [ "writeBoundary" ] ''
        if [ -x ${memory}/remove ]; then run ${memory}/remove; fi
      '';
    })

    (mkIf cfg.enable {
      assertions = map (message: {
        assertion = false;
        inherit message;
      }) reading.problems;

      home = {
        packages = [ cfg.library.command ] ++ reading.wrappers ++ reading.fetchCommands;

        sessionVariables = mkIf cfg.setSessionVariables (
          reading.hubVariables cfg.cacheDir // reading.variables reading.names
        );

        activation = {
          # Before anything is changed, so that a file in the way stops the activation as a whole.
          checkAiModels = lib.hm.dag.entryBefore [ "writeBoundary" ] ''
            ${command} link --manifest ${manifest} --dry-run >/dev/null
          '';
          aiModels = lib.hm.dag.entryAfter [ "writeBoundary" ] ''
            run ${command} link --manifest ${manifest}
          '';
        };
      };

      services.ollama.environmentVariables = mkIf (reading.ollama != [ ]) {
        OLLAMA_MODELS = "${reading.ollamaStore}";
        OLLAMA_NOPRUNE = "1";
      };
    })
  ];
}
