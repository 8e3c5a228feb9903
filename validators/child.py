"""The process in which checks run: ``python -m validators.child [MODULE…]``.

One check, or any number of those that share a walk. It reads the model as JSON from its standard
input and writes what came of each check as JSON to its standard output; whatever a check or a
library prints goes to its standard error. Anything but status 0 with a complete answer fails all of
its checks.
"""

import json
import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from common.findings import Finding
from validators import external, registry
from validators.base import Check, Model, ModelFile
from validators.seen import Seeing
from validators.visits import Shared, visit

MEMORY_STATUS = 77  # exit status that stands for "too much memory"
WALK_MEMORY_BYTES = 256 << 20  # where no check shares the walk


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
        "seen": model.seen,
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
        seen=data["seen"],
    )


def main(modules: Sequence[str]) -> None:
    """Run checks on the model that comes on the standard input.

    Args:
        modules: one check that runs alone, or all those that share a walk (none: only the walk).
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that `finally` ends its programs
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = sys.stderr  # so that what is printed stays in order
    checks = {module: registry.load(module) for module in modules}
    model = model_from_json(json.load(sys.stdin))
    memory = max((check.memory for check in checks.values()), default=WALK_MEMORY_BYTES)
    external.watch_memory(memory, MEMORY_STATUS)
    try:
        told = _told(model, checks)
    except MemoryError:
        os._exit(MEMORY_STATUS)
    with answer:
        json.dump(told, answer)


def _told(model: Model, checks: Mapping[str, Check]) -> dict[str, Any]:
    shared = {module: check.run for module, check in checks.items()}
    if all(isinstance(run, Shared) for run in shared.values()):
        return _together(model, checks)
    ((module, check),) = checks.items()
    findings, version = _drain(check.run(model))
    return {"checks": {module: _result(findings, version or check.version)}}


def _together(model: Model, checks: Mapping[str, Check]) -> dict[str, Any]:
    begin = {
        name: run.begin for name, check in checks.items() if isinstance(run := check.run, Shared)
    }
    seeing = Seeing(model)
    told = visit(model, begin | {"": lambda _: seeing})
    seeing.heed(finding for one in told.values() for finding in one.findings)
    failures = {name: _failure(one.error, checks.get(name)) for name, one in told.items()}
    results = {
        name: _result(told[name].findings, check.version, failures[name], told[name].seconds)
        for name, check in checks.items()
    }
    return {"checks": results, "seen": seeing.seen, "failure": failures[""]}


def _failure(error: Exception | None, check: Check | None) -> str:
    if isinstance(error, MemoryError):
        return too_much_memory(check.memory if check else WALK_MEMORY_BYTES)
    return f"{type(error).__name__}: {error}" if error else ""


def too_much_memory(size: int) -> str:
    """Word that a check used more memory than it may have."""
    return f"used more than {size >> 20} MiB of memory"


def _result(
    findings: Iterable[Finding], version: str, failure: str = "", seconds: float | None = None
) -> dict[str, Any]:
    found = [finding.to_json() for finding in findings]
    return {"findings": found, "version": version, "failure": failure, "seconds": seconds}


def _drain(findings: Iterable[Finding]) -> tuple[list[Finding], str | None]:
    """Take all findings, and what the generator returns."""
    taken, source = [], iter(findings)
    while True:
        try:
            taken.append(next(source))
        except StopIteration as end:
            return taken, end.value


if __name__ == "__main__":
    main(sys.argv[1:])
