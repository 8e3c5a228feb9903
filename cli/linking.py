"""Bringing links into the state that a manifest asks for, without touching what others made.

What is ours is remembered (`cli.made`), before the first change and after the last one: a run that
was killed halfway left nothing that the next one does not know.
"""

import grp
import hashlib
import os
import pwd
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cli.made import (
    ABSENT,
    Made,
    State,
    fingerprint,
    fingerprint_or_other,
    read_state,
    turn,
    write_remedy,
    write_state,
)
from cli.manifest import Directory, Link, Manifest
from common.errors import DiskError, ModelError

Act = Literal["make", "replace", "keep", "found", "remove", "left", "blocked", "gone", "failed"]
TROUBLE: tuple[Act, ...] = ("blocked", "gone", "failed")
CHANGES: tuple[Act, ...] = ("make", "replace", "remove")
_PART = ".nix-ai-model-part"


@dataclass(frozen=True)
class Step:
    """One path and what becomes, or would become, of it.

    Attributes:
        act: ``keep`` is ours and right, ``found`` is right but not ours, ``left`` was ours until
            somebody changed it, ``blocked`` has something foreign in the way, ``gone`` has a target
            that is not there, ``failed`` could not be done.
        path: where.
        why: what is in the way, or what failed; empty for the rest.
        wanted: fingerprint that the path should have; empty for a removal.
        link: what to make; None for the environment file and for removals.
    """

    act: Act
    path: Path
    why: str = ""
    wanted: str = ""
    link: Link | None = None


def plan(manifest: Manifest) -> tuple[Step, ...]:
    """Say what `apply` would do, without a change and without waiting for another run."""
    return tuple(_steps(manifest, read_state(manifest.state)))


def apply(manifest: Manifest) -> tuple[Step, ...]:
    """Do it; what cannot be done is told in its step, and the rest is done all the same.

    Raises:
        ModelError: the state file cannot be read.
        DiskError: it cannot be written, or a directory cannot be made; nothing was changed then.
    """
    with turn(manifest.state):
        state = read_state(manifest.state)
        steps = tuple(_steps(manifest, state))
        made = {path: list(prints) for path, prints in state.made.items()}
        for step in steps:
            if step.act in ("make", "replace"):
                made[str(step.path)] = sorted({*made.get(str(step.path), []), step.wanted})
        missing = _missing_directories(manifest, steps)
        known = sorted({*state.directories, *map(str, missing)})
        write_state(manifest.state, State(made, known))
        _make_directories(manifest.directories, missing)
        done = tuple(_do(step, manifest) for step in _in_order(steps))
        kept = _remove_directories(known, manifest)
        write_state(manifest.state, State(_remembered(state.made, done), kept))
    return done


def _steps(manifest: Manifest, state: State) -> Iterator[Step]:
    wanted: dict[Path, tuple[str, Link | None]] = {
        link.path: (f"link:{link.target}", link) for link in manifest.links
    }
    if manifest.environment:
        digest = hashlib.sha256(manifest.environment_text().encode()).hexdigest()
        wanted[manifest.environment] = (f"file:{digest}", None)
    for path, (right, link) in sorted(wanted.items()):
        yield _step(path, right, link, state.made.get(str(path), []))
    for name in sorted(set(state.made) - set(map(str, wanted))):
        yield _removal(Path(name), state.made[name])


def _step(path: Path, wanted: str, link: Link | None, ours: Sequence[str]) -> Step:
    try:
        now = fingerprint(path)
    except NotADirectoryError:
        return Step("blocked", path, "a directory above it is a file", wanted, link)
    if link and _gone(Path(link.target)):
        return Step("gone", path, f"{link.target} is not there", wanted, link)
    if now == wanted:
        return Step("keep" if now in ours else "found", path, "", wanted, link)
    if now == ABSENT:
        return Step("make", path, "", wanted, link)
    if now in ours:
        return Step("replace", path, "", wanted, link)
    return Step("blocked", path, f"{_describe(path)} is in the way", wanted, link)


def _gone(target: Path) -> bool:
    """Whether a target is not there, and is no part of a model that is fetched later either."""
    there = next(path for path in (target, *target.parents) if os.path.lexists(path))
    return there != target and (there.exists() or not there.is_symlink())


def _removal(path: Path, ours: Sequence[str]) -> Step:
    try:
        now = fingerprint(path)
    except NotADirectoryError:
        now = ABSENT
    if now in ours:
        return Step("remove", path)
    return Step("left", path, "" if now == ABSENT else "changed by somebody since")


def _describe(path: Path) -> str:
    if path.is_symlink():
        return f"a link to {path.readlink()}"
    return "a directory" if path.is_dir() else "a file"


def _in_order(steps: Sequence[Step]) -> list[Step]:
    """Removals first: what is removed may be where a directory of another model belongs."""
    return sorted(steps, key=lambda step: (step.act != "remove", step.path))


def _do(step: Step, manifest: Manifest) -> Step:
    try:
        if step.act == "remove":
            step.path.unlink()
        elif step.act in ("make", "replace"):
            _make(step, manifest)
        if step.link and step.link.root and step.act in ("make", "replace", "keep"):
            _register(step.link)
    except FileExistsError:
        return Step("blocked", step.path, "something appeared there", step.wanted, step.link)
    except OSError as error:
        return Step("failed", step.path, str(error.strerror or error), step.wanted, step.link)
    except ModelError as error:
        return Step("failed", step.path, error.what, step.wanted, step.link)
    return step


def _make(step: Step, manifest: Manifest) -> None:
    # NB: a new path is never renamed over: what appeared there meanwhile is foreign and stays.
    part = step.path.with_name(f".{step.path.name[:200]}{_PART}")
    part.unlink(missing_ok=True)
    place = step.path if step.act == "make" else part
    if step.link:
        place.symlink_to(step.link.target)
    else:
        _write_new(place, manifest.environment_text())
    if place is part:
        part.replace(step.path)


def _write_new(place: Path, text: str) -> None:
    with place.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _register(link: Link) -> None:
    command = ("nix-store", "--realise", link.target, "--add-root", str(link.path))
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ModelError("nix-store is not on the search path, so nothing keeps it") from error
    if done.returncode:
        raise ModelError(f"nix-store cannot keep it: {done.stderr.strip()}")


def _remembered(before: Mapping[str, list[str]], done: Sequence[Step]) -> Made:
    made: Made = {}
    for step in done:
        name = str(step.path)
        if step.act in ("make", "replace", "keep"):
            made[name] = [step.wanted]
        elif step.act in TROUBLE and fingerprint_or_other(step.path) in before.get(name, []):
            made[name] = before[name]
    return made


def _missing_directories(manifest: Manifest, steps: Sequence[Step]) -> list[Path]:
    wanted = {directory.path for directory in manifest.directories}
    wanted |= {step.path.parent for step in steps if step.act in ("make", "replace")}
    missing = {path for path in wanted if not path.is_dir()}
    missing |= {above for path in missing for above in path.parents if not above.exists()}
    return sorted(missing)


def _make_directories(wanted: Sequence[Directory], missing: Sequence[Path]) -> None:
    try:
        for path in missing:
            path.mkdir(exist_ok=True)
        for directory in wanted:
            _own(directory)
    except (FileExistsError, NotADirectoryError) as error:
        what = "a file is where a directory should be"
        raise DiskError(
            what, error.filename, f"mv {error.filename} {error.filename}.old"
        ) from error
    except OSError as error:
        what = f"cannot make the directory {error.filename}"
        raise DiskError(what, error.strerror, write_remedy(error)) from error


def _own(directory: Directory) -> None:
    now = directory.path.stat()
    uid = _id(directory.owner, lambda name: pwd.getpwnam(name).pw_uid, now.st_uid)
    gid = _id(directory.group, lambda name: grp.getgrnam(name).gr_gid, now.st_gid)
    if (uid, gid) != (now.st_uid, now.st_gid):
        os.chown(directory.path, uid, gid)
    if directory.mode is not None and stat.S_IMODE(now.st_mode) != directory.mode:
        directory.path.chmod(directory.mode)


def _id(name: str | None, look_up: Callable[[str], int], now: int) -> int:
    if name is None:
        return now
    try:
        return look_up(name)
    except KeyError as error:
        what = "the manifest names a user or group that this machine does not have"
        raise ModelError(what, repr(name), f"getent group {name}; getent passwd {name}") from error


def _remove_directories(known: Sequence[str], manifest: Manifest) -> list[str]:
    """Remove directories that we made, that are empty and wanted no more; give the others."""
    wanted = {str(directory.path) for directory in manifest.directories}
    kept = []
    for name in sorted(known, reverse=True):
        try:
            if name in wanted:
                kept.append(name)
            else:
                Path(name).rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            kept.append(name)
    return kept
