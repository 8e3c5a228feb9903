{
  description = "A development shell with models";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    nix-ai-models.url = "github:your-org/nix-ai-models";
    nix-ai-models.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    { nixpkgs, nix-ai-models, ... }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      shell =
        system:
        let
          inherit (nix-ai-models.lib.${system}) command fromLock mkShellHook;
        in
        nixpkgs.legacyPackages.${system}.mkShell {
          packages = [ command ];
          # HF_HUB_CACHE with all models of the lock, and NAME_MODEL_PATH for each. To add one:
          #   nix-ai-model lock add minilm hf:sentence-transformers/all-MiniLM-L6-v2
          shellHook = mkShellHook (fromLock ./models.lock.json);
        };
    in
    {
      devShells = nixpkgs.lib.genAttrs systems (system: {
        default = shell system;
      });
    };
}
