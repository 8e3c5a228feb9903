/**
  Makes a model a store path: fetched by hash, checked, and laid out for the programs that load it.

  # Inputs

  An attribute set; `lib/types/fetchModel.nix` documents every attribute. `source` and one of
  `lock`, `fileHashes` and `hash` are needed.

  # Type

  ```
  fetchModel :: AttrSet -> Derivation
  ```

  The derivation also has `raw`, `files`, `source`, `revision`, `report`, `hub`, `env`, `variables`,
  `shellHook`, `wrappers`, `ollamaStore`, `size` and `override`.

  # Examples

  ```nix
  fetchModel {
    source.huggingface.repo = "sentence-transformers/all-MiniLM-L6-v2";
    hash = "sha256-…";
  }
  ```
*/
{ toolchain, lib, ... }:
let
  inherit (builtins)
    attrNames
    attrValues
    foldl'
    mapAttrs
    replaceStrings
    unsafeDiscardStringContext
    ;
  errors = import ./errors.nix;
  text = import ./internal/text.nix;
  readArguments = import ./internal/arguments.nix;
  rawFiles = import ./internal/raw.nix toolchain;
  links = import ./internal/links.nix toolchain;
  validate = import ./internal/validate.nix toolchain;
  transform = import ./internal/transform.nix toolchain;
  postpone = import ./internal/lazy.nix toolchain;
  hubEntry = import ./internal/hubEntry.nix;
  fetchModel =
    given:
    let
      read = readArguments given;
    in
    if read.problems == [ ] then model read else errors.refuse "fetchModel" read.problems;

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
      files = if raw.files == null then null else mapAttrs (_: file: file.local) raw.files;
      entry = hubEntry { inherit source args; };
      offline = if args.integration.huggingface.offlineMode then "1" else "0";
      huggingface = {
        HF_HUB_OFFLINE = offline;
        TRANSFORMERS_OFFLINE = offline;
        HF_DATASETS_OFFLINE = offline;
      };
      own = {
        ${text.variable name} = "@out@";
      }
      // args.integration.environment;
      # What a shell that has the model in scope sets; `@out@` is the model's own path.
      variables =
        (if args.integration.huggingface.enable then huggingface // { HF_HOME = "@out@"; } else { }) // own;
      environment = huggingface // { HF_HOME = "@out@"; } // own;
      at = out: mapAttrs (_: value: replaceStrings [ "@out@" ] [ "${out}" ] value);
      validated =
        more:
        validate (
          {
            inherit
              name
              args
              source
              integrity
              environment
              raw
              variables
              ;
          }
          // more
        );
      inherit (args.transform) steps;
      # What a transformation made is validated like what came from upstream.
      eager =
        if steps == [ ] then
          validated { }
        else
          validated {
            raw = {
              files = null;
              tree = transform steps (validated { plain = true; });
            };
          };
      drv =
        if args.lazy then
          postpone {
            inherit name variables entry;
            inherit (lib) command;
            model = eager;
            paths = attrNames (integrity.files or { });
            lock = if integrity.mode == "lock" then integrity.entry else null;
          }
        else
          eager;
      env = at drv environment;
      wrap =
        program:
        lib.wrapProgram {
          inherit program;
          models = [ this ];
          name = "${baseNameOf (unsafeDiscardStringContext program)}-with-${name}";
          environment = env;
        };
      this =
        drv
        // {
          inherit env;
          inherit (args) lazy;
          inherit (args.integration.huggingface) offlineMode;
          inherit (source) reference;
          variables = at drv own;
          source = source.spec;
          revision = integrity.revision or null;
          inherit files;
          raw =
            if raw.tree != null then
              raw.tree
            else
              links {
                inherit files;
                name = "${name}-raw";
              };
          size =
            if integrity.mode == "lock" then foldl' (sum: file: sum + file.size) 0 (attrValues integrity.files) else null;
          report = "${drv}/.nix-ai-model-meta.json";
          shellHook = text.shell env;
          wrappers = {
            # Python with the model's variables, as `bin/python3-with-NAME`.
            python = wrap toolchain.python;
            # Any other program, by its path.
            program = wrap;
          };
          # A model of an Ollama registry keeps its name there.
          ollama = {
            name = source.attrs.model or name;
          }
          // args.integration.ollama;
          ollamaStore = lib.mkOllamaStore [ this ];
          meta = {
            description = "${source.reference}, checked and laid out for offline use";
          }
          // (args.meta or { });
          override = change: fetchModel (given // (if builtins.isFunction change then change given else change));
        }
        // (if entry == null then { } else { hub = "${drv}/hub/${entry.directory}"; })
        // (if args ? version then { inherit (args) version; } else { });
    in
    this;
in
fetchModel
