/**
  Makes a model a store path: fetched by hash, checked, and laid out for the programs that load it.

  # Inputs

  An attribute set; `lib/types/fetchModel.nix` documents every attribute. `source` and one of
  `lock`, `fileHashes` and `hash` are needed.

  # Type

  ```
  fetchModel :: AttrSet -> Derivation
  ```

  The derivation also has `raw`, `files`, `source`, `revision`, `report`, `hub`, `env`, `shellHook`,
  `wrappers`, `size` and `override`.

  # Examples

  ```nix
  fetchModel {
    source.huggingface.repo = "sentence-transformers/all-MiniLM-L6-v2";
    hash = "sha256-…";
  }
  ```
*/
{ toolchain, ... }:
let
  inherit (builtins)
    attrNames
    attrValues
    foldl'
    isAttrs
    mapAttrs
    removeAttrs
    ;
  errors = import ./errors.nix;
  types = import ./types;
  text = import ./internal/text.nix;
  readSource = import ./internal/source.nix;
  readLock = import ./internal/lockfile.nix;
  readIntegrity = import ./internal/integrity.nix;
  localFiles = import ./internal/local.nix;
  fetcher = import ./internal/fetch.nix toolchain;
  validate = import ./internal/validate.nix toolchain;
  wrap = import ./internal/wrappers.nix toolchain;
  arguments = types.record (import ./types/fetchModel.nix);

  # A lock file becomes the entry of `name`; an entry knows its source, which may then be left out.
  withEntry =
    args:
    if !(args ? lock) then
      args
    else
      let
        entry = if isAttrs args.lock then args.lock else lockedModel args.lock (args.name or "");
      in
      { source = entry.source or { }; } // args // { lock = entry; };
  lockedModel =
    file: name:
    let
      inherit (readLock file) models;
    in
    models.${name} or (errors.refuse "fetchModel" [ (errors.lockName (toString file) name (attrNames models)) ]);

  fetchModel =
    given:
    let
      args = withEntry given;
      source = readSource args;
      own = removeAttrs args source.taken;
      integrity = readIntegrity { inherit args source; };
      problems =
        arguments.check "" own
        ++ source.problems
        ++ (if source.problems == [ ] then integrity.problems ++ otherSource args source else [ ]);
    in
    if !isAttrs given then
      errors.refuse "fetchModel" [
        (errors.illTyped "argument" "an attribute set" "{ source = …; hash = …; }" given)
      ]
    else if problems == [ ] then
      model { inherit args source integrity; }
    else
      errors.refuse "fetchModel" problems;

  # What a lock says of its source must be what the call says.
  otherSource =
    args: source:
    let
      locked = readSource { source = args.lock.source or { }; };
    in
    if (args.lock or { }) ? source && locked.problems == [ ] && locked.reference != source.reference then
      [ (errors.lockMismatch locked.reference source.reference) ]
    else
      [ ];

  rawFiles =
    {
      name,
      args,
      source,
      integrity,
    }:
    let
      fetch =
        if source.type == "local" then
          localFiles { inherit name source; }
        else
          fetcher {
            inherit name source args;
            revision = integrity.revision or (source.kind.revision source.attrs);
          };
      # path → where it is and with which sha256.
      places =
        if source.type == "local" then
          fetch.files integrity.files
        else
          mapAttrs (path: local: {
            inherit local;
            inherit (integrity.files.${path}) sha256;
          }) (fetch.files integrity.files integrity.smallHash or null);
    in
    if integrity.mode == "impure" then
      {
        files = null;
        tree = fetch.impureTree;
      }
    else if integrity.mode == "hash" then
      {
        files = null;
        tree = fetch.tree integrity.hash;
      }
    else
      {
        tree = null;
        files = mapAttrs (
          path: place:
          {
            inherit (place) local sha256;
          }
          // (if integrity.files.${path} ? size then { inherit (integrity.files.${path}) size; } else { })
        ) places;
      };

  model =
    {
      args,
      source,
      integrity,
    }:
    let
      name = args.name or (text.storeName (source.kind.name source.attrs));
      raw = rawFiles {
        inherit
          name
          args
          source
          integrity
          ;
      };
      offline = if args.integration.huggingface.offlineMode or true then "1" else "0";
      huggingface = {
        HF_HUB_OFFLINE = offline;
        TRANSFORMERS_OFFLINE = offline;
        HF_DATASETS_OFFLINE = offline;
      };
      # What a shell that has the model in scope sets; `@out@` is the model's own path.
      variables =
        { ${text.variable name} = "@out@"; }
        // (if args.integration.huggingface.enable or false then huggingface // { HF_HOME = "@out@"; } else { })
        // (args.integration.environment or { });
      drv = validate {
        inherit
          name
          args
          source
          integrity
          raw
          variables
          ;
      };
      env =
        huggingface
        // {
          HF_HOME = "${drv}";
          ${text.variable name} = "${drv}";
        }
        // (args.integration.environment or { });
    in
    drv
    // {
      inherit env;
      inherit (source) reference;
      source = source.spec;
      revision = integrity.revision or null;
      raw = if raw.tree != null then raw.tree else mapAttrs (_: file: file.local) raw.files;
      files = if raw.files == null then null else mapAttrs (_: file: file.local) raw.files;
      size =
        if integrity.mode == "lock" then foldl' (sum: file: sum + file.size) 0 (attrValues integrity.files) else null;
      report = "${drv}/.nix-ai-model-meta.json";
      shellHook = text.exports env;
      wrappers = wrap { inherit name env; };
      meta = {
        description = "${source.reference}, checked and laid out for offline use";
      }
      // (args.meta or { });
      override = change: fetchModel (args // (if builtins.isFunction change then change args else change));
    }
    // (
      if source.type == "huggingface" then { hub = "${drv}/hub/${text.hubEntry source.attrs}"; } else { }
    )
    // (if args ? version then { inherit (args) version; } else { });
in
fetchModel
