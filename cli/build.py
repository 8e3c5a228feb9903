"""The builder of the validating derivation: ``python -m cli.build``, told what to do by a file.

Nix passes the path of a JSON *plan* in ``planPath`` and the output in ``out``. The raw files are
checked, refused or laid out; then the user's scripts run, and the report is written.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cli.report import refusal, say_report, write
from common import persistent
from common.digest import from_sri
from common.entry import run
from common.errors import ModelError
from common.files import select, walk
from common.findings import CheckResult, Report
from common.model_card import licences
from common.reference import Source
from layouts import completeness, flat, huggingface, kept, metadata
from layouts.place import Item, claim, content_id, describe
from validators.base import Model, ModelFile
from validators.commands import run_command
from validators.runner import run_checks

Plan = Mapping[str, Any]
SETUP_HOOK = "nix-support/setup-hook"  # what stdenv sources in a shell that has the model
# As in lib/internal/text.nix: transformers would copy a model's code below HF_HOME, in the store.
MODULES_OUTSIDE = (
    'export HF_MODULES_CACHE="${HF_MODULES_CACHE:-'
    '${XDG_CACHE_HOME:-$HOME/.cache}/huggingface/modules}"\n'
)


def main() -> int:
    """Carry out the plan named by the environment."""
    plan: Plan = json.loads(Path(os.environ["planPath"]).read_text("utf-8"))  # noqa: SIM112
    out = Path(os.environ["out"])  # noqa: SIM112 - Nix's own name
    items = _items(plan)
    report = _validated(plan, items)
    ignored = _ignored(plan, items)
    wanted = tuple(item for item in items if item.path not in ignored)
    out.mkdir()
    _lay_out(plan, wanted, out)
    scripts = _run_commands(plan, plan["scripts"], wanted, out)
    if any(script.outcome == "failed" for script in scripts):
        raise refusal(plan["name"], Report(scripts))
    _describe(plan, wanted, replace(report, ignored=ignored), scripts, out)
    _write_setup_hook(plan["variables"], out)
    _write_programs(plan["programs"], out)
    return 0


def _items(plan: Plan) -> tuple[Item, ...]:
    if plan["tree"] is None:
        return tuple(sorted(_item(path, file) for path, file in plan["files"].items()))
    root = Path(plan["tree"])
    if root.is_file():
        return (describe(plan["name"], root),)
    # A transformation that copied its input brought our own files along.
    ours = (metadata.FILE, SETUP_HOOK)
    return tuple(describe(path, local) for path, local in walk(root) if path not in ours)


def _item(path: str, file: Mapping[str, Any]) -> Item:
    algorithm, digest = from_sri(file["sha256"])
    # Nix has verified that very hash, so the file is not read again.
    return describe(path, Path(file["local"]), digest if algorithm == "sha256" else None)


def _validated(plan: Plan, items: tuple[Item, ...]) -> Report:
    """Run every check and the user's validators; raise when any refuses the model."""
    model = _model(plan, items)
    report = run_checks(model, timing=plan["timing"])
    # Without a policy nothing is scanned; the user's validators are no part of the policy.
    scanners = plan["security"].get("customScanners", ()) if model.policy != "off" else ()
    commands = _run_commands(plan, [*scanners, *plan["validators"]], items, None)
    report = replace(report, checks=report.checks + commands)
    say_report(report)
    if report.refused:
        raise refusal(plan["name"], report)
    return report


def _model(plan: Plan, items: tuple[Item, ...]) -> Model:
    root = Path.cwd() / "src"
    root.mkdir()
    for item in items:
        place = root / item.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(item.local)
    return Model(
        plan["name"],
        tuple(ModelFile(item.path, item.local, item.size, item.sha256) for item in items),
        root,
        plan["security"].get("policy", "safe-only"),
        plan["security"],
        {name: tuple(words) for name, words in plan["tools"].items()},
    )


def _run_commands(
    plan: Plan, commands: Sequence[Mapping[str, Any]], items: tuple[Item, ...], out: Path | None
) -> tuple[CheckResult, ...]:
    """Run the user's own programs in order; until there is an output, `$out` is the raw files."""
    src = _source(plan)
    results = []
    for command in commands:
        write(f"running {command['name']}")
        result = run_command(  # noqa: S604 - `shell` is a program here
            command["name"],
            command.get("command") or command["script"],
            on_failure=command.get("onFailure", "abort"),
            timeout=command.get("timeout"),
            src=src,
            out=out or src,
            model_name=plan["name"],
            model_size=sum(item.size for item in items),
            shell=(plan["shell"],),
            isolate_credentials=plan["security"].get("isolateCredentialsFromHooks", True),
            log=write,
            timing=plan["timing"],
        )
        results.append(result)
        if result.outcome == "failed":
            if command.get("onFailure") == "persist":
                _keep(plan, result, src, out)
            break
    return tuple(results)


def _keep(plan: Plan, result: CheckResult, src: Path, out: Path | None) -> None:
    """Keep the files of a command that failed, where this machine has a place for them."""
    folder = Path(plan["keepIn"] or persistent.FOLDER)
    if not persistent.writable(folder):
        write(persistent.lost(f"the files that {result.name} failed on", folder))
        return
    try:
        write(f"kept in {kept.keep(folder, plan['name'], src, out, result.output)}")
    except OSError as error:
        write(f"warning: the files that {result.name} failed on could not be kept: {error}")


def _source(plan: Plan) -> Path:
    """Give the raw files as one directory: of links, where each is a path of the store."""
    tree = Path(plan["tree"] or "")
    return tree if plan["tree"] and tree.is_dir() else Path.cwd() / "src"


def _ignored(plan: Plan, items: tuple[Item, ...]) -> tuple[str, ...]:
    patterns = plan["security"].get("ignoreFiles", ())
    return tuple(select((item.path for item in items), patterns, ())) if patterns else ()


def _lay_out(plan: Plan, items: tuple[Item, ...], out: Path) -> None:
    source = Source.from_json(plan["source"])
    wanted = plan["huggingface"]
    repo = _repository(source, wanted)
    if wanted["validateCompleteness"]:
        completeness.check(items)
    if repo is None or plan["plain"]:
        flat.write(out, items)
        return
    revision = plan["revision"] or content_id(items)
    refs = tuple(_ref(ref, revision) for ref in wanted.get("refs") or _default_refs(source))
    entry = huggingface.Entry(
        repo, source.attrs.get("kind", "model"), revision, refs, wanted.get("markComplete", True)
    )
    huggingface.write(out, items, entry)


def _repository(source: Source, wanted: Mapping[str, Any]) -> str | None:
    """Give the id under which a cache holds the model; None for one that is not of the hub."""
    if source.type != "huggingface" and "model" not in wanted:
        return None
    org, _, name = str(source.attrs.get("repo", "")).rpartition("/")
    org, name = wanted.get("org", org), wanted.get("model", name)
    return f"{org}/{name}" if org else name


def _default_refs(source: Source) -> tuple[str, ...]:
    revision = source.attrs.get("revision", "main")
    return ("main",) if len(revision) == 40 or revision == "main" else ("main", revision)  # noqa: PLR2004 - a commit


def _ref(ref: Any, revision: str) -> str:
    if isinstance(ref, str):
        return ref
    if ref["sha"] != revision:
        raise ModelError(
            f"integration.huggingface.refs: {ref['name']!r} points to a revision that is not this "
            f"model's, {revision}",
            ref["sha"],
            f'refs = [ "{ref["name"]}" ];',
        )
    return str(ref["name"])


def _describe(
    plan: Plan,
    items: tuple[Item, ...],
    report: Report,
    scripts: tuple[CheckResult, ...],
    out: Path,
) -> None:
    recorded = plan["recordSource"]
    identity = {
        "name": plan["name"],
        "source": plan["reference"] if recorded else None,
        "revision": (plan["revision"] or None) if recorded else None,
        "fetchedAt": plan["lockedAt"],
        "hash": plan["hash"],
        "licenses": list(licences({item.path: item.local for item in items})),
        "signOutput": plan["signOutput"],
    }
    metadata.write(out, metadata.describe(identity, items, report, scripts))


def _write_setup_hook(variables: Mapping[str, str], out: Path) -> None:
    hook = out / SETUP_HOOK
    if hook.parent.exists():
        return
    hook.parent.mkdir()
    lines = [f"export {name}={_word(value, out)}\n" for name, value in sorted(variables.items())]
    if "HF_HOME" in variables:
        lines.append(MODULES_OUTSIDE)
    hook.write_text("".join(lines), "utf-8")


def _write_programs(programs: Mapping[str, str], out: Path) -> None:
    for name, text in programs.items():
        program = out / "bin" / name
        claim(program)
        program.write_text(text.replace("@out@", str(out)), "utf-8")
        program.chmod(0o755)


def _word(value: str, out: Path) -> str:
    quoted = value.replace("@out@", str(out)).replace("'", "'\\''")
    return f"'{quoted}'"


if __name__ == "__main__":
    sys.exit(run(main))
