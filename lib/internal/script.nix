# A shell script as a package: `bin/NAME`.
toolchain:
{ name, text }:
derivation {
  inherit (toolchain) system;
  inherit name;
  builder = toolchain.shell;
  PATH = toolchain.path;
  args = [
    "-c"
    "mkdir -p \"$out/bin\" && cp \"$scriptPath\" \"$out/bin/$name\" && chmod 0755 \"$out/bin/$name\""
  ];
  script = "#!${toolchain.shell}\n${text}";
  passAsFile = [ "script" ];
  preferLocalBuild = true;
}
