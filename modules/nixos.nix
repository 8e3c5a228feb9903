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
    mapAttrs
    mapAttrsToList
    mkIf
    mkMerge
    optional
    unique
    ;
  cfg = config.services.ai-models;
  common = import ./common.nix {
    inherit lib;
    root = "services.ai-models";
    defaultLibrary = import ../lib { toolchain = import ../lib/toolchain.nix pkgs; };
  };
  errors = import ../lib/errors.nix;
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
      message = errors.noEnabledModel "services.ai-models.${option}" name (attrNames reading.packages);
    }) (filter (name: !(reading.packages ? ${name})) names);
in
{
  options.services.ai-models =
    common.options cfg (name: "${paths}/${name}") // import ./nixos-options.nix { inherit lib reading; };

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
            message = errors.tokenInStore "services.ai-models.tokenFile" cfg.tokenFile;
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
