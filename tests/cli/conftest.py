"""The command as users run it: the launcher, in a directory and an environment of its own."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hub import Hub

ROOT = Path(__file__).parents[2]
LAUNCHER = ROOT / "nix-ai-model"
KEPT = ("PATH", "LANG", "NIX_AI_MODELS_PYTHON")


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder.parent / "temporary"
        self.store = folder.parent / "store"
        home = folder.parent / "home"
        for directory in (folder, self.temporary, self.store, home):
            directory.mkdir()
        self.environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {
            "HOME": str(home),
            "TMPDIR": str(self.temporary),
            "NIX_STORE_DIR": str(self.store),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_ENDPOINT": "http://127.0.0.1:9",
        }

    def start(self, *words: str | Path, **settings: Any) -> subprocess.Popen[str]:
        program = settings.pop("program", LAUNCHER)
        environment = self.environment | settings.pop("env", {})
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | settings
        return subprocess.Popen(
            [str(program), *map(str, words)],
            cwd=self.folder,
            env=environment,
            # A shell that runs the tests in its background has them ignore ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
            **settings,
        )

    def __call__(self, *words: str | Path, **settings: Any) -> Result:
        process = self.start(*words, **settings)
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        assert not list(self.temporary.iterdir()), "temporary files were left behind"
        return Result(process.returncode, out, err)

    def ok(self, *words: str | Path, **settings: Any) -> Result:
        result = self(*words, **settings)
        assert result.status == 0, result.err
        return result

    @property
    def lock(self) -> Path:
        return self.folder / "models.lock.json"


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path / "work")


@pytest.fixture
def hub(command: Command) -> Iterator[Hub]:
    with Hub() as hub:
        command.environment["HF_ENDPOINT"] = hub.endpoint
        yield hub
        assert not hub.failures
