"""The process in which one check runs: ``python -m validators.child MODULE``.

It reads the model as JSON from its standard input and writes the findings as JSON to its standard
output; whatever a check or a library prints goes to its standard error. Anything but status 0 with
a complete answer is a failed check.
"""

import json
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from common.findings import Finding
from validators import external, registry
from validators.base import Model, ModelFile

MEMORY_STATUS = 77  # exit status that stands for "too much memory"


def model_to_json(model: Model) -> dict[str, Any]:
    """Write a model down for the child."""
    return {
        "name": model.name,
        "files": [
            {"path": file.path, "local": str(file.local), "size": file.size, "sha256": file.sha256}
            for file in model.files
        ],
        "root": str(model.root),
        "policy": model.policy,
        "security": dict(model.security),
        "tools": {name: list(argv) for name, argv in model.tools.items()},
    }


def model_from_json(data: Mapping[str, Any]) -> Model:
    """Read back what `model_to_json` wrote."""
    return Model(
        name=data["name"],
        files=tuple(ModelFile(**file | {"local": Path(file["local"])}) for file in data["files"]),
        root=Path(data["root"]),
        policy=data["policy"],
        security=data["security"],
        tools={name: tuple(argv) for name, argv in data["tools"].items()},
    )


def main(module: str) -> None:
    """Run one check on the model that comes on the standard input."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that `finally` ends its programs
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = sys.stderr  # so that what is printed stays in order
    model = model_from_json(json.load(sys.stdin))
    check = registry.load(module)
    external.watch_memory(check.memory, MEMORY_STATUS)
    try:
        findings, version = _drain(check.run(model))
    except MemoryError:
        os._exit(MEMORY_STATUS)
    with answer:
        found = [finding.to_json() for finding in sorted(findings)]
        json.dump({"findings": found, "version": version or check.version}, answer)


def _drain(findings: Iterable[Finding]) -> tuple[list[Finding], str | None]:
    """Take all findings, and what the generator returns."""
    taken, source = [], iter(findings)
    while True:
        try:
            taken.append(next(source))
        except StopIteration as end:
            return taken, end.value


if __name__ == "__main__":
    main(sys.argv[1])
