"""The builder of an Ollama store: ``python -m cli.build_ollama`` with a plan from Nix."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.entry import run
from layouts import ollama

TEXTS = ("template", "system", "license")


def main() -> int:
    """Carry out the plan named by the environment."""
    plan = json.loads(Path(os.environ["planPath"]).read_text("utf-8"))  # noqa: SIM112
    out = Path(os.environ["out"])  # noqa: SIM112 - Nix's own name
    out.mkdir()
    ollama.write(out, [_wanted(model) for model in plan["models"]])
    return 0


def _wanted(model: Mapping[str, Any]) -> ollama.Wanted:
    return ollama.Wanted(
        Path(model["path"]),
        model["name"],
        model.get("file"),
        {key: model[key] for key in TEXTS if key in model},
        model.get("parameters", {}),
    )


if __name__ == "__main__":
    sys.exit(run(main))
