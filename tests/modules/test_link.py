"""`nix-ai-model link`: what a manifest asks for comes into place, and nothing else is touched."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.modules.linked import ORDINARY, Place, command, environ, linked, run

MANY = 50


@pytest.fixture(params=["root", "user"])
def who(request: pytest.FixtureRequest) -> int | None:
    """Root, and an ordinary user; the latter only where we may become one."""
    if os.getuid() != 0:
        if request.param == "root":
            pytest.skip("not root")
        return None
    return ORDINARY if request.param == "user" else None


@pytest.fixture
def place(who: int | None) -> Iterator[Place]:
    # NB: not tmp_path, whose parents only root may enter.
    root = Path(tempfile.mkdtemp(prefix="links-"))
    root.chmod(0o755)
    if who is not None:
        os.chown(root, who, who)
    yield Place(root)
    shutil.rmtree(root)


def test_many_models_are_linked_and_the_second_run_changes_nothing(
    place: Place, who: int | None
) -> None:
    links = [place.link(f"models--org--m{number}") for number in range(MANY)]
    manifest = place.manifest(*links)
    assert linked(manifest, user=who).count("made: ") == MANY
    assert place.names() == sorted(Path(link["path"]).name for link in links)
    for link in links:
        assert Path(link["path"]).resolve() == Path(link["target"])
    before = place.state.stat()
    assert linked(manifest, user=who) == f"{MANY} paths in place\n"
    assert linked(manifest, "--check", user=who) == f"{MANY} paths in place\n"
    assert json.loads(place.state.read_text())["made"].keys() == {link["path"] for link in links}
    assert place.state.stat().st_uid == before.st_uid


def test_what_is_no_longer_declared_goes_and_what_moved_is_replaced(
    place: Place, who: int | None
) -> None:
    linked(place.manifest(*map(place.link, ("a", "b", "c"))), user=who)
    moved = place.link("b", place.model("b-2"))
    said = linked(place.manifest(place.link("a"), moved), user=who)
    assert "replaced: " in said
    assert "removed: " in said
    assert place.names() == ["a", "b"]
    assert (place.hub / "b").resolve().name == "b-2"


def test_removal_leaves_no_trace_but_the_memory(place: Place, who: int | None) -> None:
    manifest = place.manifest(
        place.link("a"),
        directories=[{"path": str(place.cache)}],
        environment={"path": str(place.cache / "environment"), "variables": {"A": "b c"}},
    )
    linked(manifest, user=who)
    assert (place.cache / "environment").read_text() == 'A="b c"\n'
    linked(manifest, "--remove", user=who)
    assert not place.cache.exists()
    assert json.loads(place.state.read_text())["made"] == {}


def untouched(path: Path) -> tuple[int, int, int]:
    """Give what changes when anything but reading is done to a path."""
    status = path.lstat()
    return status.st_ino, status.st_mtime_ns, status.st_mode


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_what_others_made_is_in_the_way_and_stays(place: Place, who: int | None, kind: str) -> None:
    place.hub.mkdir(parents=True)
    foreign = place.hub / "b"
    if kind == "file":
        foreign.write_text("mine")
    elif kind == "directory":
        (foreign / "blobs").mkdir(parents=True)
    else:
        foreign.symlink_to("/somewhere/else")
    if who is not None:
        shutil.chown(place.hub, who, who)
        shutil.chown(place.cache, who, who)
    before = untouched(foreign)
    manifest = place.manifest(*map(place.link, ("a", "b", "c")))
    for options in ((), ("--check",), ("--dry-run",), ("--remove",), ()):
        done = run(manifest, *options, user=who)
        assert (done.returncode == 0) == (options == ("--remove",))
        if options != ("--remove",):
            assert f"{foreign}: a {kind}" in done.stderr
            assert f"try: mv {foreign} {foreign}.old" in done.stderr
        assert untouched(foreign) == before
    assert place.names() == ["a", "b", "c"], "the others are linked all the same"


def test_a_link_that_somebody_changed_is_theirs_from_then_on(place: Place, who: int | None) -> None:
    linked(place.manifest(place.link("a"), place.link("b")), user=who)
    (place.hub / "a").unlink()
    (place.hub / "a").write_text("now mine")
    said = linked(place.manifest(place.link("b")), user=who)
    assert f"left alone: {place.hub / 'a'} (changed by somebody since)" in said
    assert (place.hub / "a").read_text() == "now mine"


def test_a_link_that_somebody_else_made_rightly_is_not_removed_later(
    place: Place, who: int | None
) -> None:
    place.hub.mkdir(parents=True)
    (place.hub / "a").symlink_to(place.model("a-1"))
    if who is not None:
        for path in (place.cache, place.hub):
            os.chown(path, who, who)
    linked(place.manifest(place.link("a")), user=who)
    linked(place.manifest(), user=who)
    assert place.names() == ["a"]


def test_a_store_path_that_vanished_is_told_and_the_old_link_stays(
    place: Place, who: int | None
) -> None:
    linked(place.manifest(place.link("a")), user=who)
    gone = place.link("a", place.root / "store/gone")
    manifest = place.manifest(gone, place.link("b"))
    done = run(manifest, user=who)
    assert done.returncode == 1
    assert f"{gone['target']} is not there" in done.stderr
    assert (place.hub / "a").resolve().name == "a-1"
    assert (place.hub / "b").exists()
    linked(place.manifest(), user=who)
    assert place.names() == [], "and it was not forgotten"


def test_a_model_that_is_fetched_later_is_linked_now(place: Place, who: int | None) -> None:
    """A lazy model's `hub` leads nowhere until it is fetched; that is not a path that vanished."""
    lazy = place.root / "store/lazy"
    lazy.mkdir()
    (lazy / "hub").symlink_to(place.root / "store/later/hub")
    linked(place.manifest(place.link("a", lazy / "hub/models--org--a")), user=who)
    assert not (place.hub / "a").exists()
    (place.root / "store/later/hub/models--org--a").mkdir(parents=True)
    assert (place.hub / "a").exists()


def test_dry_run_and_check_change_nothing(place: Place, who: int | None) -> None:
    manifest = place.manifest(place.link("a"))
    assert f"to make: {place.hub / 'a'}" in linked(manifest, "--dry-run", user=who)
    done = run(manifest, "--check", user=who)
    assert done.returncode == 1
    assert f"try: nix-ai-model link --manifest {manifest}" in done.stderr
    assert not place.cache.exists()
    assert not place.state.exists()


# Where a run is killed: at the Nth change of the file system of a kind.
KILLED_AT = ["symlink 1", "symlink 25", "symlink 50", "replace 1", "replace 2", "replace 27"]
KILLER = """
import os, signal, sys
from pathlib import Path
name, number = sys.argv.pop(1).split()
method, seen = {"symlink": "symlink_to", "replace": "replace"}[name], 0
plain = getattr(Path, method)
def deadly(*arguments):
    global seen
    seen += 1
    if seen == int(number):
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(*arguments)
setattr(Path, method, deadly)
from cli.main import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("moment", KILLED_AT)
def test_a_run_that_was_killed_is_completed_by_the_next(
    place: Place, who: int | None, moment: str
) -> None:
    names = [f"m{number}" for number in range(MANY)]
    linked(place.manifest(*map(place.link, names[: MANY // 2]), place.link("old")), user=who)
    changed = [place.link(name, place.model(f"{name}-2")) for name in names]
    words = [sys.executable, "-P", "-c", KILLER, moment, *command(place.manifest(*changed))[4:]]
    if who is not None:
        words = ["setpriv", f"--reuid={who}", f"--regid={who}", "--clear-groups", *words]
    assert subprocess.run(words, env=environ(), cwd="/", check=False).returncode == -9
    linked(place.manifest(*changed), user=who)
    assert place.names() == sorted(names)
    assert {path.resolve().name for path in place.hub.iterdir()} == {f"{n}-2" for n in names}
    linked(place.manifest(), user=who)
    assert place.names() == [], "everything is known to be ours"


def test_two_at_once_take_turns(place: Place, who: int | None) -> None:
    one = [place.link(f"m{number}", place.model("one")) for number in range(MANY)]
    two = [place.link(f"m{number}", place.model("two")) for number in range(10, MANY + 10)]
    manifests = [place.manifest(*one), place.manifest(*two)]
    prefix = [] if who is None else ["setpriv", f"--reuid={who}", f"--regid={who}"]
    prefix += [] if who is None else ["--clear-groups"]
    for _ in range(3):
        runs = [
            subprocess.Popen(
                [*prefix, *command(manifest)],
                env=environ(),
                cwd="/",
                stdout=subprocess.DEVNULL,
            )
            for manifest in manifests
        ]
        assert [process.wait() for process in runs] == [0, 0]
        assert {path.resolve().name for path in place.hub.iterdir()} in ({"one"}, {"two"})
        assert len(place.names()) == MANY


def test_a_read_only_cache_is_told_and_nothing_is_half_written(place: Place) -> None:
    place.hub.mkdir(parents=True)
    place.hub.chmod(0o555)
    os.chown(place.root, ORDINARY, ORDINARY) if os.getuid() == 0 else None
    done = run(place.manifest(place.link("a")), user=ORDINARY if os.getuid() == 0 else None)
    place.hub.chmod(0o755)
    assert done.returncode == 1
    assert f"{place.hub / 'a'}: Permission denied" in done.stderr
    assert place.names() == []


def test_a_directory_gets_its_mode_and_owner(place: Place, who: int | None) -> None:
    directory = {"path": str(place.cache), "mode": "0750"}
    if who is None and os.getuid() == 0:
        directory |= {"owner": pwd.getpwuid(1).pw_name, "group": "daemon"}
    linked(place.manifest(place.link("a"), directories=[directory]), user=who)
    status = place.cache.stat()
    assert status.st_mode & 0o7777 == 0o750
    if "owner" in directory:
        assert status.st_uid == 1
    place.cache.chmod(0o777)
    linked(place.manifest(place.link("a"), directories=[directory]), user=who)
    assert place.cache.stat().st_mode & 0o7777 == 0o750


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 9}, "version 9"),
        ({"verion": 1}, "unknown key 'verion'"),
        ({"links": [{"path": "a", "target": "/x", "model": "m"}]}, "'a', which is not absolute"),
        ({"links": [{"path": "/a/../b", "target": "/x", "model": "m"}]}, "not absolute"),
        ({"links": [{"path": "/a", "target": "/x", "model": "m"}] * 2}, "for m and for m"),
        ({"environment": {"path": "/a", "variables": {"A B": "c"}}}, "variable 'A B'"),
        ({"directories": [{"path": "/a", "mode": "rwx"}]}, "mode 'rwx'"),
        ({"links": 3}, "is no manifest"),
    ],
)
def test_a_bad_manifest_is_refused(tmp_path: Path, change: dict[str, object], said: str) -> None:
    place = Place(tmp_path)
    done = run(place.manifest(**change))
    assert done.returncode == 1
    assert said in done.stderr


def test_a_damaged_memory_is_told(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.state.parent.mkdir()
    place.state.write_text("{")
    done = run(place.manifest(place.link("a")))
    assert done.returncode == 1
    assert f"try: mv {place.state} {place.state}.old" in done.stderr
    assert not place.cache.exists()
