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
    attrValues
    foldl'
    mapAttrs
    ;
  errors = import ./errors.nix;
  text = import ./internal/text.nix;
  readArguments = import ./internal/arguments.nix;
  localFiles = import ./internal/local.nix;
  fetcher = import ./internal/fetch.nix toolchain;
  validate = import ./internal/validate.nix toolchain;
  transform = import ./internal/transform.nix toolchain;
  wrap = import ./internal/wrappers.nix toolchain;
  fetchModel =
    given:
    let
      read = readArguments given;
    in
    if read.problems == [ ] then model read else errors.refuse "fetchModel" read.problems;

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
      given,
      args,
      source,
      integrity,
      ...
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
      offline = if args.integration.huggingface.offlineMode then "1" else "0";
      huggingface = {
        HF_HUB_OFFLINE = offline;
        TRANSFORMERS_OFFLINE = offline;
        HF_DATASETS_OFFLINE = offline;
      };
      # What a shell that has the model in scope sets; `@out@` is the model's own path.
      variables =
        { ${text.variable name} = "@out@"; }
        // (if args.integration.huggingface.enable then huggingface // { HF_HOME = "@out@"; } else { })
        // args.integration.environment;
      validated =
        more:
        validate (
          {
            inherit
              name
              args
              source
              integrity
              raw
              variables
              ;
          }
          // more
        );
      inherit (args.transform) steps;
      # What a transformation made is validated like what came from upstream.
      drv =
        if steps == [ ] then
          validated { }
        else
          validated {
            raw = {
              files = null;
              tree = transform steps (validated { plain = true; });
            };
          };
      env =
        huggingface
        // {
          HF_HOME = "${drv}";
          ${text.variable name} = "${drv}";
        }
        // args.integration.environment;
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
      override = change: fetchModel (given // (if builtins.isFunction change then change given else change));
    }
    // (
      if source.type == "huggingface" then { hub = "${drv}/hub/${text.hubEntry source.attrs}"; } else { }
    )
    // (if args ? version then { inherit (args) version; } else { });
in
fetchModel
