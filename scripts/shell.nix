# The shell to work on this project in, for those who have nixpkgs.
{ pkgs, nix-ai-model }:
pkgs.mkShell {
  packages = [
    nix-ai-model
    (pkgs.python3.withPackages (p: [
      p.gguf
      p.huggingface-hub
      p.hypothesis
      p.jinja2
      p.mypy
      p.pytest
      p.pytest-xdist
      p.requests
      p.safetensors
    ]))
    pkgs.modelscan
    pkgs.ruff
  ];
}
