"""The command `nix-ai-model`: parses, calls, prints."""
