{
  description = "AI models in Nix: pinned, scanned store paths that load offline";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      forEach =
        make:
        builtins.listToAttrs (
          map (system: {
            name = system;
            value = make system;
          }) systems
        );

      withToolchain = toolchain: import ./lib { inherit toolchain; };
      withPkgs = pkgs: withToolchain (import ./lib/toolchain.nix pkgs);
      libraries = forEach (system: withPkgs nixpkgs.legacyPackages.${system});

      # Pure evaluation knows no current system; who needs another one takes `lib.<system>`.
      defaultSystem = builtins.currentSystem or "x86_64-linux";
    in
    {
      lib = libraries.${defaultSystem} // libraries // { inherit withPkgs withToolchain; };

      overlays.default = final: _: { nix-ai-models = withPkgs final; };

      packages = forEach (system: rec {
        nix-ai-model = libraries.${system}.command;
        default = nix-ai-model;
      });

      apps = forEach (system: rec {
        nix-ai-model = {
          type = "app";
          program = "${self.packages.${system}.nix-ai-model}/bin/nix-ai-model";
          meta.description = "Pin, inspect, scan and verify AI models";
        };
        default = nix-ai-model;
      });

      devShells = forEach (system: {
        default = import ./scripts/shell.nix {
          pkgs = nixpkgs.legacyPackages.${system};
          inherit (self.packages.${system}) nix-ai-model;
        };
      });

      nixosModules.default.imports = [ ./modules/nixos.nix ];
      homeManagerModules.default.imports = [ ./modules/home-manager.nix ];
      flakeModules.default.imports = [ ./modules/flake-parts.nix ];

      templates = rec {
        project = {
          path = "${self}/templates/project";
          description = "A program with a locked model";
        };
        nixos = {
          path = "${self}/templates/nixos";
          description = "A NixOS machine with models and a service that loads one";
        };
        shell = {
          path = "${self}/templates/shell";
          description = "A development shell with models, for direnv too";
        };
        default = project;
      };

      checks = forEach (
        system:
        let
          pkgs = nixpkgs.legacyPackages.${system};
        in
        {
          # The command starts with what it is built from, and finds all its modules.
          inherit (libraries.${system}) commandCheck;
        }
        // (
          # A whole machine, without a network; only where virtual machines of NixOS can run.
          if pkgs ? testers && builtins.match ".*-linux" system != null then
            { nixos = pkgs.testers.runNixOSTest (import ./tests/vm/nixos.nix self.nixosModules.default); }
          else
            { }
        )
      );

      formatter = forEach (system: nixpkgs.legacyPackages.${system}.nixfmt-tree);
    };
}
