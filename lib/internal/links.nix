# A directory of links to files that are elsewhere: path → place.
toolchain:
{ name, files }:
let
  inherit (builtins)
    attrNames
    concatStringsSep
    ;
  text = import ./text.nix;
  link =
    path:
    "mkdir -p \"$out\"/${text.shellWord (dirOf path)} && ln -s ${text.shellWord files.${path}} \"$out\"/${text.shellWord path}";
in
derivation {
  inherit (toolchain) system;
  inherit name;
  builder = toolchain.shell;
  PATH = toolchain.path;
  script = concatStringsSep "\n" (map link (attrNames files));
  passAsFile = [ "script" ];
  args = [
    "-euc"
    ". \"$scriptPath\""
  ];
  preferLocalBuild = true;
}
