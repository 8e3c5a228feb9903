# The second derivation: reads the raw files, runs every check, and writes the layout and the report.
# Its output links to the weights; only small files are copied.
toolchain:
let
  inherit (builtins)
    any
    intersectAttrs
    listToAttrs
    toJSON
    ;
  build = import ./python.nix toolchain {
    parts = [
      "common"
      "validators"
      "layouts"
      "cli/__init__.py"
      "cli/build.py"
      "cli/report.py"
    ];
    module = "cli.build";
  };
in
{
  name,
  args,
  source,
  integrity,
  raw,
  variables,
  # Variables of a program that is run with the model.
  environment,
  # Whether to lay out a plain directory, as the input of a transformation.
  plain ? false,
}:
let
  text = import ./text.nix;
  # Only what is asked for becomes an input of the derivation.
  wanted =
    (if args.security.enableModelScan or true then { modelscan = null; } else { })
    // listToAttrs (
      map (name: {
        inherit name;
        value = null;
      }) (args.security.scanners or [ ])
    );
  commands =
    args.validation.validators ++ args.security.customScanners ++ args.postDownload.scripts;
  plan = {
    inherit name plain variables;
    # Scripts to write beside the model: name → text, in which `@out@` stands for the output.
    programs =
      if plain || !args.integration.wrappers.python.enable then
        { }
      else
        {
          "python3-with-${name}" =
            "#!${toolchain.shell}\n${text.shell environment}exec ${text.shellWord toolchain.python} \"$@\"\n";
        };
    inherit (raw) files tree;
    inherit (toolchain) shell;
    tools = intersectAttrs wanted toolchain.tools;
    source = source.spec;
    reference = source.reference;
    inherit (args.provenance) recordSource signOutput;
    hash = integrity.hash or null;
    lockedAt = integrity.lockedAt or null;
    revision = if integrity.revision or "" != "" then integrity.revision else source.kind.pinned source.attrs;
    inherit (args) security;
    validators = args.validation.validators;
    scripts = args.postDownload.scripts;
    keepIn =
      if any (command: command.onFailure == "persist") commands then
        args.onDownloadFailure.persistPath or null
      else
        null;
    huggingface = args.integration.huggingface;
    timing = args.provenance.recordTimestamp;
  };
in
build (
  {
    inherit name;
    plan = toJSON plan;
    passAsFile = [ "plan" ];
    # Weights belong where they are: neither substituted nor built elsewhere only to make links.
    allowSubstitutes = false;
  }
  // (if args.impure then { __impure = true; } else { })
)
