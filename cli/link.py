"""`link --manifest FILE`: brings models to the places where programs look for them."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cli.console import Console, count
from cli.linking import CHANGES, TROUBLE, Step, apply, plan
from cli.manifest import read
from cli.parser import Parser
from common.errors import ModelError

_DONE = {
    "make": "made",
    "replace": "replaced",
    "remove": "removed",
    "left": "left alone",
    "found": "already there",
    "blocked": "blocked",
    "gone": "target missing",
    "failed": "failed",
}
_QUIET = ("keep", "found")


def add(verbs: Parser) -> None:
    """Add the verb."""
    verb = verbs.add_verb(
        "link",
        "put models where programs look for them",
        description="Make the links that a manifest of the modules asks for, and remove those made "
        "before that it no longer has. What others made is never touched.",
    )
    verb.add_argument("--manifest", metavar="FILE", type=Path, required=True, help="the manifest")
    verb.add_argument("--remove", action="store_true", help="remove everything made for it")
    verb.add_argument("--json", action="store_true", help="print JSON")
    how = verb.add_mutually_exclusive_group()
    how.add_argument(
        "--check", action="store_true", help="change nothing; fail unless all is in place"
    )
    how.add_argument(
        "--dry-run", action="store_true", help="change nothing; say what would be done"
    )
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the verb.

    Raises:
        ModelError: when something is in the way, missing or failed, after the rest was done.
    """
    manifest = read(arguments.manifest)
    if arguments.remove:
        manifest = replace(manifest, directories=(), links=(), environment=None)
    looking = arguments.check or arguments.dry_run
    steps = plan(manifest) if looking else apply(manifest)
    if arguments.json:
        console.answer_json([_facts(step) for step in steps])
    else:
        console.answer(_text(steps, looking=looking))
    if trouble := [step for step in steps if step.act in TROUBLE]:
        raise _trouble(trouble)
    if arguments.check and any(step.act in CHANGES for step in steps):
        remedy = f"nix-ai-model link --manifest {arguments.manifest}"
        raise ModelError("not everything is in place", None, remedy)
    return 0


def _facts(step: Step) -> dict[str, str]:
    facts = {"act": step.act, "path": str(step.path), "why": step.why}
    if step.link:
        facts |= {"target": step.link.target, "model": step.link.model}
    return {key: value for key, value in facts.items() if value}


def _text(steps: Sequence[Step], *, looking: bool) -> str:
    words = {**_DONE, "make": "to make", "replace": "to replace", "remove": "to remove"}
    shown = words if looking else _DONE
    lines = [_line(shown[step.act], step) for step in steps if _worth_telling(step)]
    kept = sum(step.act in _QUIET for step in steps)
    return "\n".join([*lines, f"{count(kept, 'path')} in place"])


def _worth_telling(step: Step) -> bool:
    # What somebody removed that we would have removed is no news.
    return step.act not in _QUIET and not (step.act == "left" and not step.why)


def _line(word: str, step: Step) -> str:
    target = f" -> {step.link.target}" if step.link and step.act in CHANGES else ""
    return f"{word}: {step.path}{target}{f' ({step.why})' if step.why else ''}"


def _trouble(steps: Sequence[Step]) -> ModelError:
    lines = [f"{count(len(steps), 'path')} could not be brought in place:"]
    lines += [f"  {step.path}: {step.why}" for step in steps]
    first = steps[0]
    remedy = {
        "blocked": f"mv {first.path} {first.path}.old   # then link again",
        "gone": "build it again: nixos-rebuild switch, or home-manager switch",
    }.get(first.act, "the same as a user who may write there, or another cacheDir")
    return ModelError("\n".join(lines), None, remedy)
