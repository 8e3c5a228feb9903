# A flake-parts project whose shell has a model: import inputs.nix-ai-models.flakeModules.default.
{
  perSystem =
    { config, pkgs, ... }:
    {
      ai-models = {
        enable = true;
        models.phi-2 = {
          source.huggingface.repo = "microsoft/phi-2";
          hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        };
      };
      devShells.default = pkgs.mkShell {
        packages = config.ai-models.shellPackages;
        inherit (config.ai-models) shellHook;
      };
    };
}
