# Programs that run another program with a model's variables set.
toolchain:
{ name, env }:
let
  text = import ./text.nix;
  script =
    program:
    derivation {
      inherit (toolchain) system;
      name = "${name}-${baseNameOf program}";
      builder = toolchain.shell;
      PATH = toolchain.path;
      args = [
        "-c"
        "mkdir -p \"$out/bin\" && cp \"$textPath\" \"$out/bin/$target\" && chmod +x \"$out/bin/$target\""
      ];
      target = "${baseNameOf program}-with-${name}";
      text = ''
        #!${toolchain.shell}
        ${text.exports env}exec ${text.shellWord program} "$@"
      '';
      passAsFile = [ "text" ];
    };
in
{
  # Python with the model's variables, as `bin/python-with-NAME`.
  python = script toolchain.python;
  # Any other program.
  program = script;
}
