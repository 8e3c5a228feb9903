"""Evaluating the modules with nixpkgs' real module system."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.nix import ROOT, Nix

NIXPKGS_LIB = "NIX_AI_MODELS_NIXPKGS_LIB"
HOME_MANAGER = "NIX_AI_MODELS_HOME_MANAGER"
FLAKE_PARTS = "NIX_AI_MODELS_FLAKE_PARTS"


def checkout(variable: str, what: str) -> Path:
    """Give the checkout that a variable names, or skip the test."""
    place = os.environ.get(variable)
    if not place:
        pytest.skip(f"{variable} does not say where a checkout of {what} is")
    return Path(place)


def nixpkgs_lib() -> str:
    """Give the expression of nixpkgs' library."""
    root = checkout(NIXPKGS_LIB, "github:nix-community/nixpkgs.lib")
    return f"(import {root}/lib)"


def nixos(config: str) -> str:
    """Give the expression of an evaluated NixOS configuration's `config`."""
    return (
        f"(import {ROOT}/tests/modules/nixos.nix "
        f"{{ lib = {nixpkgs_lib()}; library = lib; }} ({config})).config"
    )


def home(config: str) -> str:
    """Give the same of Home Manager."""
    manager = checkout(HOME_MANAGER, "github:nix-community/home-manager")
    return (
        f"(import {ROOT}/tests/modules/home.nix "
        f"{{ lib = {nixpkgs_lib()}; homeManager = {manager}; library = lib; }} ({config})).config"
    )


def messages(nix: Nix, config: str) -> list[str]:
    """Give the messages of the assertions that fail."""
    return nix.eval(f"map (a: a.message) (builtins.filter (a: !a.assertion) ({config}).assertions)")


def value(nix: Nix, config: str, expression: str) -> Any:
    """Evaluate an expression in which `config` is a configuration, whose assertions must hold."""
    assert messages(nix, config) == []
    return nix.eval(f"let config = {config}; in {expression}")


def per_system(config: str) -> str:
    """Give the expression of a flake-parts configuration: its `packages` and `ai-models`."""
    parts = checkout(FLAKE_PARTS, "github:hercules-ci/flake-parts")
    return (
        f"(import {ROOT}/tests/modules/perSystem.nix "
        f"{{ lib = {nixpkgs_lib()}; flakeParts = {parts}; library = lib; }} ({config}))"
    )
