"""How the command is called: help, wrong usage, interruption, and where it is started from."""

import contextlib
import os
import pty
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from cli.main import build_parser
from cli.parser import Parser
from common import VERSION
from tests.cli.conftest import LAUNCHER, ROOT
from tests.hub import Hub, Repo


def verbs(parser: Parser) -> list[list[str]]:
    return [[name, *rest] for name, verb in parser.verbs.items() for rest in [[], *verbs(verb)]]


@pytest.mark.parametrize("words", verbs(build_parser()), ids=" ".join)
def test_every_verb_has_help(command, words: list[str]) -> None:
    result = command.ok(*words, "--help")
    assert result.out.startswith(f"usage: nix-ai-model {' '.join(words)} ")
    assert result.err == ""


def test_version(command) -> None:
    assert command.ok("--version").out == f"nix-ai-model {VERSION}\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("", "expected a verb, got none\ntry: nix-ai-model --help"),
        ("prefech x", "expected a verb, got 'prefech'; did you mean 'prefetch'?"),
        ("lock", "expected a verb, got none\ntry: nix-ai-model lock --help"),
        ("lock ad x y", "expected a verb, got 'ad'; did you mean 'add'?"),
        ("prefetch", "the following arguments are required: REF\ntry: nix-ai-model prefetch"),
        ("prefetch hf:a/b --tre-hash", "unknown option, got '--tre-hash'; did you mean '--tree-h"),
        ("prefetch hf:a/b --revison=v1", "got '--revison'; did you mean '--revision'?"),
        ("prefetch hf:a/b c", "one argument too many, got 'c'\ntry: nix-ai-model prefetch --help"),
        ("prefetch hf:a/b --format toml", "invalid choice: 'toml'"),
        ("scan x --policy lax", "invalid choice: 'lax'"),
        ("info minilm", "no model of models.lock.json, got 'minilm'"),
        ("mlflow", "expected a verb"),
    ],
)  # fmt: skip
def test_wrong_usage(command, words: str, text: str) -> None:
    result = command(*words.split())
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("error: ")
    assert text in result.err
    assert result.err.count("\n") == 2


@pytest.mark.slow
def test_no_network(command) -> None:
    result = command("lock", "add", "a", "hf:org/a")  # the port is closed
    assert (result.status, result.out) == (1, "")
    assert "attempt 1 of 5 again in 1 s" in result.err
    assert "error: huggingface:org/a@main: gave up after 6 attempts, got no answer" in result.err
    assert not list(command.folder.iterdir())


def test_no_network_is_wanted(command) -> None:
    result = command("prefetch", "hf:org/a", env={"HF_HUB_OFFLINE": "1"})
    assert result.status == 2
    assert result.err.endswith("\ntry: unset HF_HUB_OFFLINE TRANSFORMERS_OFFLINE\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_at_once_and_leaves_nothing(
    command, hub: Hub, number: signal.Signals
) -> None:
    hub.put(Repo("org/slow", files={f"{n}.txt": b"x" * 2000 for n in range(12)}))
    hub.fault("stall", path="*.txt", after=1000, times=None)
    process = command.start("lock", "add", "slow", "hf:org/slow")
    while not any(request.file for request in hub.requests):
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(number)
    begun = time.monotonic()
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - begun < 5
    assert (process.returncode, out) == (130, "")
    assert err.endswith("error: interrupted\n")
    assert not list(command.temporary.iterdir())
    assert not list(command.folder.iterdir())


def test_a_failure_does_not_wait_for_what_stalls(command, hub: Hub) -> None:
    hub.put(Repo("org/slow", files={f"{n}.txt": b"x" * 2000 for n in range(12)}))
    hub.fault("stall", path="[!3].txt", after=1000, times=None)
    hub.fault("status", path="3.txt", status=404, times=None)
    begun = time.monotonic()
    result = command("lock", "add", "slow", "hf:org/slow")
    assert time.monotonic() - begun < 15
    assert result.status == 1
    assert "error: " in result.err


def test_a_reader_that_goes_away(command) -> None:
    for number in range(300):
        (command.folder / f"{'x' * 200}{number}").write_text("x")
    process = command.start("prefetch", f"file:{command.folder}")
    process.stdout.close()
    assert process.wait(60) == 1
    assert process.stderr.read() == ""


def test_debug_shows_the_traceback(command) -> None:
    process = command.start("prefetch", "file:nowhere", "--debug")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback (most recent call last):" in err
    assert "error: there is no such file or directory" in err


def test_progress_and_notes_never_mix_with_the_answer(command, hub: Hub) -> None:
    hub.put(Repo("org/a", files={"x": b"x"}))
    result = command.ok("prefetch", "hf:org/a", "--format", "lock")
    assert result.json["files"]["x"]["size"] == 1
    assert "1 small file: 1 B of 1 B (100 %)" in result.err


@pytest.mark.parametrize("fault", [False, True], ids=["done", "failed"])
def test_bars_on_a_terminal_are_taken_away_again(command, hub: Hub, fault: bool) -> None:
    hub.put(Repo("org/a", files={"config.json": b"x" * 4000}))
    if fault:
        hub.fault("flip", path="config.json", offset=0, times=None)
    terminal, end = pty.openpty()
    process = command.start("prefetch", "hf:org/a", stderr=end, env={"TERM": "xterm"})
    os.close(end)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux says that the other end is closed
        while chunk := os.read(terminal, 4096):
            shown += chunk
    os.close(terminal)
    out, _ = process.communicate(timeout=60)
    hide, show = b"\x1b[?25l", b"\x1b[?25h"
    assert shown.count(hide) == shown.count(show) > 0
    assert shown.rindex(show) > shown.rindex(hide)
    assert (process.returncode, b"error: " in shown) == (int(fault), fault)
    assert fault or "fetchModel" in out


def test_names_cannot_steer_the_terminal(command) -> None:
    (command.folder / "m").mkdir()
    (command.folder / "m" / "ok").write_text("x")
    (command.folder / "m" / "a\u202egpj.exe").write_text("x")
    out = command.ok("info", "./m").out
    assert "\u202e" not in out
    assert "a\\x202egpj.exe" in out
    printed = command.ok("info", "./m", "--json")
    assert printed.out.isascii()
    assert "a\u202egpj.exe" in printed.json["files"]


def test_the_launcher_works_through_links_from_anywhere(command, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "absolute").symlink_to(LAUNCHER)
    (tmp_path / "bin" / "relative").symlink_to("absolute")
    assert command.ok("--version", program=tmp_path / "bin" / "relative").out.startswith("nix-ai")


def test_a_model_directory_is_not_imported_from(command) -> None:
    for name in ("json.py", "cli.py", "requests.py", "sitecustomize.py"):
        (command.folder / name).write_text("raise SystemExit('imported from the model')")
    assert "imported from the model" not in command.ok("info", ".").err


def test_a_python_that_is_missing_or_lacks_packages(command, tmp_path: Path) -> None:
    result = command("--version", env={"NIX_AI_MODELS_PYTHON": "/no/python"})
    assert result.status == 1
    assert result.err.startswith("error: there is no Python to run with, got /no/python\ntry: ")
    bare = tmp_path / "python"
    # NB: -S leaves site-packages out, which is what a bare Python looks like.
    bare.write_text(f'#!/bin/sh\nexec {sys.base_prefix}/bin/python3 -S "$@"\n')
    bare.chmod(0o755)
    result = command("prefetch", "hf:org/a", env={"NIX_AI_MODELS_PYTHON": str(bare)})
    assert result.status == 1
    assert "error: this Python lacks the package" in result.err
    assert "scripts/setup" in result.err


def test_a_checkout_needs_no_installation(command, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for part in ("cli", "common", "fetchers", "layouts", "validators"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(LAUNCHER, copy)
    result = command.ok(
        "--version",
        program=copy / "nix-ai-model",
        env={"NIX_AI_MODELS_PYTHON": sys.executable, "PATH": os.environ["PATH"]},
    )
    assert result.out == f"nix-ai-model {VERSION}\n"
