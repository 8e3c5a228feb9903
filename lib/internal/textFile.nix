# A file with a text, as a store path.
toolchain:
{ name, text }:
derivation {
  inherit (toolchain) system;
  inherit name text;
  builder = toolchain.shell;
  PATH = toolchain.path;
  args = [
    "-c"
    "cp \"$textPath\" \"$out\""
  ];
  passAsFile = [ "text" ];
  preferLocalBuild = true;
}
