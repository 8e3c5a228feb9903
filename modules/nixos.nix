# services.ai-models: models in the cache directory of a NixOS machine, and in its services.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib)
    attrNames
    concatLists
    elem
    filter
    filterAttrs
    literalExpression
    mapAttrs
    mapAttrsToList
    mkIf
    mkMerge
    mkOption
    optional
    types
    unique
    ;
  cfg = config.services.ai-models;
  common = import ./common.nix {
    inherit lib;
    root = "services.ai-models";
    defaultLibrary = import ../lib { toolchain = import ../lib/toolchain.nix pkgs; };
  };
  units = import ./units.nix;
  reading = common.read cfg;
  command = "${cfg.library.command}/bin/nix-ai-model";

  hub = "${cfg.cacheDir}/hub";
  paths = "${cfg.cacheDir}/models";
  closed = cfg.allowedUsers != null;
  directory =
    path:
    {
      inherit path;
      owner = "root";
      group = if closed then cfg.group else "root";
      mode = if closed then "0750" else "0755";
    };

  # Further caches in which single models asked to be.
  elsewhere = filter (one: one.directory != null) (
    map (name: {
      inherit name;
      directory = reading.models.${name}.args.integration.huggingface.systemCacheDir or null;
    }) (concatLists (mapAttrsToList (_: entry: entry.names) reading.entries))
  );
  moreLinks = concatLists (
    map (
      one:
      mapAttrsToList (entry: found: {
        path = "${one.directory}/${entry}";
        inherit (found) target;
        model = one.name;
      }) (filterAttrs (_: found: elem one.name found.names) reading.entries)
    ) elsewhere
  );
  moreDirectories = unique (map (one: one.directory) elsewhere);

  variables = reading.hubVariables hub // reading.variables reading.names;

  manifest = cfg.library.mkManifest {
    state = "/var/lib/nix-ai-models/links.json";
    directories = map directory [
      cfg.cacheDir
      hub
      paths
    ];
    links = common.pathLinks reading paths ++ common.hubLinks reading hub ++ moreLinks;
    environment = {
      path = "${cfg.cacheDir}/environment";
      inherit variables;
    };
  };

  # Where builders look for a directory of partial files, whatever it is outside of them.
  partialsInBuilds = "/var/cache/nix-ai-models";

  fetchUnit = name: "ai-models-fetch-${name}.service";
  lazy = attrNames reading.lazy;

  # What a service needs to start after its models are there.
  needs =
    models:
    let
      wanted = [ "ai-models.service" ] ++ map fetchUnit (filter (name: elem name lazy) models);
    in
    {
      requires = wanted;
      after = wanted;
    };

  unknown =
    option: names:
    map (name: {
      assertion = false;
      message = "`services.ai-models.${option}` names no enabled model, got \"${name}\"\nTo fix, use one of: ${lib.concatStringsSep ", " (attrNames reading.packages)}";
    }) (filter (name: !(reading.packages ? ${name})) names);
in
{
  options.services.ai-models = common.options cfg (name: "${paths}/${name}") // {
    cacheDir = mkOption {
      type = types.strMatching "/.*[^/]";
      default = "/var/cache/ai-models";
      example = "/srv/ai-models";
      description = ''
        Directory of the machine's links: `hub` is a Hugging Face cache (`HF_HUB_CACHE`), `models` has
        every model under its name, and `environment` is a file of variables.
      '';
    };

    allowedUsers = mkOption {
      type = types.nullOr (types.listOf types.str);
      default = null;
      example = [ "ml-user" ];
      description = ''
        Users who may enter the cache directory; null lets everybody. They become members of `group`.
        The Nix store itself stays readable by everybody: see docs/modules.md for weights that are
        secret.
      '';
    };

    group = mkOption {
      type = types.strMatching "[a-z_][a-z0-9_-]{0,30}";
      default = "ai-models";
      example = "ml";
      description = "Group that may enter the cache directory where `allowedUsers` is not null.";
    };

    setSessionVariables = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = "Whether every session gets the variables by which programs find the models.";
    };

    services = mkOption {
      type = types.attrsOf (
        types.submodule {
          options.models = mkOption {
            type = types.listOf types.str;
            example = [ "minilm" ];
            description = "Names of the models whose variables the service gets, and for which it waits.";
          };
        }
      );
      default = { };
      example = literalExpression "{ vllm.models = [ \"llama-2-7b\" ]; }";
      description = ''
        Services of systemd that load models: each gets the variables, the group, and an order after
        the models are there.
      '';
    };

    ollama.enable = mkOption {
      type = types.bool;
      default = reading.ollama != [ ];
      defaultText = literalExpression "whether any model has integration.wrappers.ollama.enable";
      example = false;
      description = ''
        Whether `services.ollama` has exactly the models with `integration.wrappers.ollama.enable`. Its
        directory of models is in the store then, so it can pull no others.
      '';
    };

    llama-cpp = {
      model = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "phi-2-gguf";
        description = "Name of the model that `services.llama-cpp` serves.";
      };
      file = mkOption {
        type = types.str;
        default = "model.gguf";
        example = "phi-2.Q4_K_M.gguf";
        description = "GGUF file of that model.";
      };
    };

    tokenFile = mkOption {
      type = types.nullOr (types.strMatching "/.*");
      default = null;
      example = literalExpression "config.sops.secrets.hf-token.path";
      description = ''
        File with lines such as `HF_TOKEN=hf_…`, read at run time by the Nix daemon and by the units of
        lazy models. Whoever may build on this machine can then use the token in a derivation of their
        own; give it no more rights than reading.
      '';
    };

    downloadCache = mkOption {
      type = types.nullOr (types.strMatching "/.*[^/]");
      default = null;
      example = "/var/cache/nix-ai-models";
      description = ''
        Directory that builders see and may write, in which downloads that were cut off go on. It holds
        nothing that is trusted: every file is checked by its hash.
      '';
    };

    lazyFetch = mkOption {
      type = types.enum [
        "boot"
        "demand"
      ];
      default = "demand";
      example = "boot";
      description = ''
        When models with `lazy` are fetched: after boot, or when a service of `services` that names them
        starts (or `systemctl start ai-models-fetch-NAME`).
      '';
    };
  };

  config = mkMerge [
    { services.ai-models.models = mapAttrs (_: _: { }) (common.locked cfg); }
    (mkIf cfg.enable (mkMerge [
      {
        assertions =
          map (message: {
            assertion = false;
            inherit message;
          }) reading.problems
          ++ concatLists (mapAttrsToList (name: service: unknown "services.${name}.models" service.models) cfg.services)
          ++ unknown "llama-cpp.model" (optional (cfg.llama-cpp.model != null) cfg.llama-cpp.model)
          ++ optional (cfg.tokenFile != null && lib.hasPrefix "/nix/store/" cfg.tokenFile) {
            assertion = false;
            message = "`services.ai-models.tokenFile` is in the store, where everybody can read it, got ${cfg.tokenFile}\nTo fix, write the path that the secret has at run time, as a string: tokenFile = \"/run/secrets/hf-token\";";
          };

        environment.systemPackages = [ cfg.library.command ] ++ reading.wrappers ++ reading.fetchCommands;

        systemd.tmpfiles.rules =
          let
            entry = directory cfg.cacheDir;
          in
          [ "d ${entry.path} ${entry.mode} ${entry.owner} ${entry.group} -" ];

        systemd.services = {
          ai-models = {
            description = "Links to AI models";
            wantedBy = [ "multi-user.target" ];
            # The second one makes the directory where the module is new on a machine that runs.
            after = [
              "systemd-tmpfiles-setup.service"
              "systemd-tmpfiles-resetup.service"
            ];
            unitConfig.RequiresMountsFor = [ cfg.cacheDir ] ++ moreDirectories;
            # A new manifest is applied over the old one, so that no link is away for a moment.
            reloadIfChanged = true;
            serviceConfig = units.link ([ cfg.cacheDir ] ++ map (path: "-${path}") moreDirectories) // {
              ExecStart = "${command} link --manifest ${manifest}";
              ExecReload = "${command} link --manifest ${manifest}";
              ExecStop = "${command} link --manifest ${manifest} --remove";
            };
          };
        }
        // lib.mapAttrs' (name: model: lib.nameValuePair "ai-models-fetch-${name}" {
          description = "AI model ${name}";
          wantedBy = optional (cfg.lazyFetch == "boot") "multi-user.target";
          wants = [ "network-online.target" ];
          after = [
            "network-online.target"
            "nix-daemon.socket"
          ];
          path = [ config.nix.package ];
          environment = {
            NIX_REMOTE = "daemon";
            HOME = "/var/lib/ai-models/${name}";
            XDG_CACHE_HOME = "/var/cache/ai-models-fetch/${name}";
          };
          startLimitIntervalSec = 0;
          serviceConfig = units.fetch name // {
            ExecStart = "${model}/bin/fetch-${name} /var/lib/ai-models/${name}/model";
            EnvironmentFile = optional (cfg.tokenFile != null) cfg.tokenFile;
          };
        }) reading.lazy;
      }

      {
        systemd.services = mapAttrs (_: service: needs service.models // {
          environment = reading.hubVariables hub // reading.variables service.models;
          serviceConfig.SupplementaryGroups = optional closed cfg.group;
        }) cfg.services;
      }

      (mkIf closed { users.groups.${cfg.group}.members = cfg.allowedUsers; })

      (mkIf cfg.setSessionVariables { environment.sessionVariables = variables; })

      (mkIf cfg.ollama.enable {
        services.ollama.models = "${reading.ollamaStore}";
        # It would try to remove blobs that no manifest names.
        services.ollama.environmentVariables.OLLAMA_NOPRUNE = "1";
      })

      (mkIf (cfg.llama-cpp.model != null) {
        services.llama-cpp.model = "${reading.packages.${cfg.llama-cpp.model}}/${cfg.llama-cpp.file}";
        systemd.services.llama-cpp = needs [ cfg.llama-cpp.model ];
      })

      (mkIf (cfg.tokenFile != null) {
        systemd.services.nix-daemon.serviceConfig.EnvironmentFile = [ "-${cfg.tokenFile}" ];
      })

      (mkIf (cfg.downloadCache != null) {
        nix.settings.extra-sandbox-paths = [ "${partialsInBuilds}=${cfg.downloadCache}" ];
        systemd.tmpfiles.rules = [ "d ${cfg.downloadCache} 2770 root nixbld 30d" ];
      })
    ]))
  ];
}
