"""The builder of a merged Hugging Face cache: ``python -m cli.build_cache``, with Nix's plan."""

import json
import os
import sys
from pathlib import Path

from common.entry import run
from layouts import cache


def main() -> int:
    """Carry out the plan named by the environment."""
    plan = json.loads(Path(os.environ["planPath"]).read_text("utf-8"))  # noqa: SIM112
    out = Path(os.environ["out"])  # noqa: SIM112 - Nix's own name
    out.mkdir()
    cache.merge(out, map(Path, plan["entries"]))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
