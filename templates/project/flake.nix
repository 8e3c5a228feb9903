{
  description = "A program with a locked model";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    nix-ai-models.url = "github:your-org/nix-ai-models";
    nix-ai-models.inputs.nixpkgs.follows = "nixpkgs";
  };

  # The models are in models.lock.json. To add one:
  #   nix run github:your-org/nix-ai-models -- lock add minilm hf:sentence-transformers/all-MiniLM-L6-v2
  outputs =
    { nixpkgs, nix-ai-models, ... }:
    let
      system = "x86_64-linux";
      pkgs = nixpkgs.legacyPackages.${system};
      inherit (nix-ai-models.lib.${system}) fromLock wrapProgram;
      models = fromLock ./models.lock.json;
    in
    {
      packages.${system} = models // {
        default = wrapProgram {
          name = "app";
          program = "${pkgs.python3}/bin/python3";
          arguments = [ "${./app.py}" ];
          inherit models;
        };
      };
    };
}
