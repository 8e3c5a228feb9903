# The second derivation: reads the raw files, runs every check, and writes the layout and the report.
# Its output links to the weights; only small files are copied.
toolchain:
let
  inherit (builtins) toJSON;
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
  # Whether to lay out a plain directory, as the input of a transformation.
  plain ? false,
}:
let
  provenance = args.provenance or { };
  timed = provenance.recordTimestamp or false;
  plan = {
    inherit name plain variables;
    inherit (raw) files tree;
    inherit (toolchain) shell tools;
    source = source.spec;
    reference = source.reference;
    recordSource = provenance.recordSource or true;
    signOutput = provenance.signOutput or false;
    hash = integrity.hash or null;
    lockedAt = integrity.lockedAt or null;
    revision = if integrity.revision or "" != "" then integrity.revision else source.kind.pinned source.attrs;
    security = args.security or { };
    validators = args.validation.validators or [ ];
    scripts = args.postDownload.scripts or [ ];
    huggingface = args.integration.huggingface or { };
    timing = timed;
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
  // (if args.impure or false then { __impure = true; } else { })
)
