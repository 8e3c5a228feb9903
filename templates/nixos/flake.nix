{
  description = "A NixOS machine with models and a service that loads one";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    nix-ai-models.url = "github:your-org/nix-ai-models";
    nix-ai-models.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    { nixpkgs, nix-ai-models, ... }:
    {
      nixosConfigurations.machine = nixpkgs.lib.nixosSystem {
        system = "x86_64-linux";
        modules = [
          nix-ai-models.nixosModules.default
          ./models.nix
          # Your own configuration of the machine comes here.
        ];
      };
    };
}
