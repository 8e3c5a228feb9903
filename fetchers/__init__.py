"""Fetching: one module a source, run by Nix inside derivations and by the command alike."""
