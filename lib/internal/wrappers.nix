# Programs that run another program with a model's variables set.
toolchain:
{ name, env }:
let
  text = import ./text.nix;
  wrap =
    program:
    import ./script.nix toolchain {
      name = "${baseNameOf program}-with-${name}";
      text = "${text.exports env}exec ${text.shellWord program} \"$@\"\n";
    };
in
{
  # Python with the model's variables, as `bin/python3-with-NAME`.
  python = wrap toolchain.python;
  # Any other program, by its path.
  program = wrap;
}
