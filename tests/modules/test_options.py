"""The page about options is what the library and the modules themselves say."""

import subprocess
import sys

from tests.modules.evaluated import FLAKE_PARTS, HOME_MANAGER, NIXPKGS_LIB, checkout
from tests.nix import ROOT, Nix


def test_the_page_is_up_to_date(nix: Nix) -> None:
    for variable in (NIXPKGS_LIB, HOME_MANAGER, FLAKE_PARTS):
        checkout(variable, "what the modules are made for")
    printed = nix.run(sys.executable, str(ROOT / "scripts/generate-options-docs"), "--print")
    assert printed.returncode == 0, printed.stderr
    page = (ROOT / "docs/options.md").read_text("utf-8")
    assert page == printed.stdout, "run scripts/generate-options-docs"


def test_without_checkouts_the_script_says_what_it_needs() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/generate-options-docs"],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"try: export {NIXPKGS_LIB}=" in done.stderr


def test_every_argument_is_described_with_a_sentence(nix: Nix) -> None:
    """This needs no nixpkgs: every field of every table, and of every source."""
    rows = nix.eval(
        f"""let
          rows = prefix: fields: builtins.concatMap (key:
            let
              field = fields.${{key}};
              inner = field.fields or (field.element or {{ }}).fields or {{ }};
            in [ {{ name = "${{prefix}}.${{key}}"; text = field.description or ""; }} ]
              ++ rows "${{prefix}}.${{key}}" inner) (builtins.attrNames fields);
          sources = import {ROOT}/lib/sources;
        in rows "fetchModel" (import {ROOT}/lib/types/fetchModel.nix)
          ++ builtins.concatMap (n: rows n sources.${{n}}.fields) (builtins.attrNames sources)"""
    )
    assert len(rows) > 100
    assert [row["name"] for row in rows if not row["text"].endswith(".")] == []


def test_a_default_that_is_written_out_changes_nothing(nix: Nix) -> None:
    """So the defaults of the page are those that hold."""
    same = nix.eval(
        f"""let
          types = import {ROOT}/lib/types;
          model = {{ source = "hf:a/b"; hash = lib.fakeHash; }};
          filled = (types.record (import {ROOT}/lib/types/fetchModel.nix)).fill model;
          written = builtins.removeAttrs filled [ "auth" ];
        in (lib.fetchModel model).drvPath == (lib.fetchModel written).drvPath"""
    )
    assert same
