"""The lock file itself: what is wrong with it is named, and what is right survives re-writing."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.locked import Entry, LockedFile
from cli.lockfile import edit, read, to_text
from common.errors import ModelError
from common.reference import Source

SHA256 = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
ENTRY = {
    "source": {"huggingface": {"repo": "org/a", "revision": "main"}},
    "revision": "0" * 40,
    "lockedAt": "2026-11-20T12:00:00Z",
    "small": {"hash": SHA256},
    "files": {"config.json": {"sha256": SHA256, "size": 2}},
}
FILE = '.files."config.json"'
CONFLICT = '{\n<<<<<<< HEAD\n  "version": 1\n=======\n  "version": 1,\n>>>>>>> other\n}\n'


def with_entry(**changes: Any) -> str:
    return json.dumps({"version": 1, "models": {"a": ENTRY | changes}})


def with_file(**changes: Any) -> str:
    return with_entry(files={"config.json": {"sha256": SHA256, "size": 2} | changes})


BROKEN = {
    "empty": ("", "is no JSON, got Expecting value at line 1, column 1"),
    "cut": ('{"version": 1,', "is no JSON, got"),
    "binary": (b"\xff\xfe", "is no UTF-8 text, got byte 0"),
    "deep": ("[" * 100_000, "is nested too deeply"),
    "conflict": (CONFLICT, "holds a merge conflict, got line 2"),
    "twice": ('{"version": 1, "models": {"a": 1, "a": 2}}', "names a key twice, got a"),
    "list": ("[]", "has no version that this program reads, which is 1, got None"),
    "newer": ('{"version": 2, "models": {}}', "has no version that this program reads"),
    "boolean": ('{"version": true, "models": {}}', "got True"),
    "misspelt": (with_entry(revison=""), "got `models.a.revison`; did you mean 'revision'?"),
    "no models": ('{"version": 1}', "has no `models`"),
}
# What is wrong with an entry: the key that is named, and what should be there.
ILL_TYPED = {
    "no entry": ('{"version": 1, "models": {"a": 3}}', "", "an object, got 3"),
    "revision": (with_entry(revision=3), ".revision", "a text, got 3"),
    "source": (with_entry(source={"hugingface": {}}), ".source", 'a source, got "unknown source'),
    "sources": (with_entry(source={}), ".source", "a source, got 'a source names exactly one"),
    "attrs": (with_entry(source={"s3": 1}), ".source.s3", "an object, got 1"),
    "time": (with_entry(lockedAt="now"), ".lockedAt", "a time such as 2026-11-20T12:00:00Z, got"),
    "small": (with_entry(small={"hash": "x"}), ".small.hash", "sha256-<44 base64 digits>, got 'x'"),
    "files": (with_entry(files=[]), ".files", "an object, got []"),
    "path": (with_entry(files={"../x": {}}), '.files."../x"', "a path inside the model"),
    "sha512": (with_file(sha256="sha512-a"), f"{FILE}.sha256", "sha256-<44 base64 digits>"),
    "size": (with_file(size=-1), f"{FILE}.size", "a number of bytes, got -1"),
    "flag": (with_file(large="yes"), f"{FILE}.large", "a boolean, got 'yes'"),
}


def read_broken(command: Any, content: str | bytes) -> str:
    command.lock.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = command("lock", "list")
    assert (result.status, result.out) == (1, "")
    assert "\ntry: " in result.err
    return result.err


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_lock_file(command, name: str) -> None:
    content, text = BROKEN[name]
    assert text in read_broken(command, content)


@pytest.mark.parametrize("name", ILL_TYPED)
def test_an_ill_typed_entry_names_its_key(command, name: str) -> None:
    content, key, expected = ILL_TYPED[name]
    text = f"error: `models.a{key}` of the lock file should be {expected}"
    assert text in read_broken(command, content)


def test_a_name_that_is_none(command) -> None:
    command.lock.write_text('{"version": 1, "models": {"a/b": {}}}')
    result = command("lock", "list")
    assert result.status == 2
    assert "error: this is no name for a model, got 'a/b'\ntry: a-b" in result.err


def test_a_broken_lock_file_is_never_written_over(command) -> None:
    command.lock.write_text(CONFLICT)
    (command.folder / "m").write_text("x")
    assert command("lock", "add", "m", "file:m").status == 1
    assert command("lock", "remove", "m").status == 1
    assert command.lock.read_text() == CONFLICT


def test_a_directory_that_is_missing_or_read_only(command) -> None:
    (command.folder / "m").write_text("x")
    result = command("lock", "add", "m", "file:m", "--lock-file", "no/where.json")
    assert result.status == 1
    assert "error: the lock file's directory is not there, got" in result.err
    assert "try: mkdir -p" in result.err
    result = command("lock", "add", "m", "file:m", "--lock-file", "/proc/models.lock.json")
    assert result.status == 1
    # Root passes every check of permissions, and fails only when it writes.
    for_root = "error: cannot write /proc/models.lock.json, got No such file or directory"
    for_users = "error: the lock file's directory cannot be written, got /proc"
    assert (for_root if os.geteuid() == 0 else for_users) in result.err


def test_a_lock_file_that_is_a_directory(command) -> None:
    command.lock.mkdir()
    result = command("lock", "list")
    assert result.status == 1
    assert "error: cannot read models.lock.json, got Is a directory" in result.err


_HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
_FILES = st.dictionaries(
    st.text("abc.-ü ${}\"'", min_size=1, max_size=8).filter(lambda p: p not in (".", "..")),
    st.builds(LockedFile, _HEX, st.integers(0, 1 << 60), st.booleans(), st.none() | st.just("v1")),
    max_size=4,
)
_ENTRIES = st.builds(
    Entry,
    st.just(Source("huggingface", {"repo": "org/a", "files": ["*"]})),
    st.text("0123456789abcdef", max_size=40),
    st.just("2026-11-20T12:00:00Z"),
    st.none() | _HEX,
    _FILES,
)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), _ENTRIES, max_size=3))
def test_what_is_written_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, models: dict[str, Entry]
) -> None:
    path = tmp_path_factory.mktemp("lock") / "models.lock.json"
    with edit(path) as entries:
        entries.update(models)
    assert read(path) == models
    if models:
        assert path.read_text("utf-8") == to_text(dict(reversed(models.items())))


def test_nothing_is_written_when_the_block_fails(tmp_path: Path) -> None:
    path = tmp_path / "models.lock.json"

    def fail() -> None:
        with edit(path) as entries:
            time = ENTRY["lockedAt"]
            entries["a"] = Entry(Source("local", {"path": "/x"}), "", time, None, {})
            raise ModelError("stop")

    with pytest.raises(ModelError, match="stop"):
        fail()
    assert not list(tmp_path.iterdir())
