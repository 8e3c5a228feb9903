"""The units that the NixOS module makes, judged by systemd itself."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.modules.test_nixos import MODEL, config
from tests.nix import Nix

MOST_EXPOSED = 15  # of 100, by `systemd-analyze security`; an unhardened unit has 96


@pytest.fixture(scope="module")
def analyze() -> str:
    program = shutil.which("systemd-analyze")
    if not program:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    return program


def text(unit: dict[str, Any]) -> str:
    """Write a unit as NixOS does; the programs become one that every machine has."""
    service = unit["serviceConfig"]
    service = {k: "/bin/true" if k.startswith("Exec") else v for k, v in service.items()}
    sections = {
        "Unit": unit.get("unitConfig", {})
        | {
            "Description": unit["description"],
            "After": unit.get("after", []),
            "Wants": unit.get("wants", []),
        },
        "Service": service
        | {"Environment": [f"{k}={v}" for k, v in unit.get("environment", {}).items()]},
    }
    lines = []
    for name, settings in sections.items():
        lines.append(f"[{name}]")
        for key, value in settings.items():
            values = value if isinstance(value, list) else [value]
            lines += [f"{key}={_show(one)}" for one in values]
    return "\n".join(lines) + "\n"


def _show(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.fixture(scope="module")
def units(session_nix: Nix, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    evaluated = config(
        'allowedUsers = [ "a" ]; tokenFile = "/run/secrets/hf";',
        f"m = {MODEL} // {{ lazy = true; }};",
    )
    services = session_nix.eval(f"({evaluated}).systemd.services")
    folder = tmp_path_factory.mktemp("units")
    for name in ("ai-models", "ai-models-fetch-m"):
        (folder / f"{name}.service").write_text(text(services[name]))
    return sorted(folder.iterdir())


def test_systemd_accepts_them(analyze: str, units: list[Path]) -> None:
    assert len(units) == 2
    done = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", *map(str, units)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_they_are_little_exposed(analyze: str, units: list[Path]) -> None:
    for unit in units:
        done = subprocess.run(
            [
                *(analyze, "security", "--offline=true", f"--threshold={MOST_EXPOSED}"),
                *("--no-pager", str(unit)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
