"""`lock add|update|diff|remove|list`: keeping models.lock.json."""

import argparse

from cli import update
from cli.console import Console, table
from cli.locked import Entry, check_name
from cli.lockfile import add_lock_file, check_writable, edit, pick, read
from cli.parser import PROGRAM, Parser
from cli.pin import look_up, pin, prefer_safetensors
from cli.source import add_options, read_source
from common.errors import UsageError


def add(verbs: Parser) -> None:
    """Add the verb and its own verbs."""
    lock = verbs.add_verb("lock", "keep models.lock.json")
    _add_add(lock)
    update.add(lock)
    remove = lock.add_verb("remove", "drop a model from the lock file")
    remove.add_argument("name", metavar="NAME", help="a model of the lock file")
    add_lock_file(remove)
    remove.set_defaults(run=_remove)
    show = lock.add_verb("list", "show what is locked")
    add_lock_file(show)
    show.add_argument("--json", action="store_true", help="print JSON")
    show.set_defaults(run=_list)


def _add_add(lock: Parser) -> None:
    verb = lock.add_verb("add", "pin a model and write it to the lock file")
    verb.add_argument("name", metavar="NAME", help="what Nix will call the model")
    verb.add_argument("reference", metavar="REF", help="for example huggingface:ORG/NAME@main")
    verb.add_argument("--force", action="store_true", help="replace a model of that name")
    verb.add_argument("--json", action="store_true", help="print the entry as JSON")
    add_lock_file(verb)
    add_options(verb)
    verb.set_defaults(run=_add)


def _add(arguments: argparse.Namespace, console: Console) -> int:
    path, name = arguments.lock_file, check_name(arguments.name)
    check_writable(path)
    _refuse_known(name, read(path), arguments)
    source = read_source(arguments.reference, arguments)
    snapshot = prefer_safetensors(look_up(source, console), console)
    entry = pin(snapshot, console)
    with edit(path) as models:
        _refuse_known(name, models, arguments)
        models[name] = entry
    if arguments.json:
        console.answer_json({name: entry.to_json()})
    else:
        console.answer(f"{name}: {entry.describe()}, written to {path}")
    return 0


def _refuse_known(name: str, models: dict[str, Entry], arguments: argparse.Namespace) -> None:
    if name in models and not arguments.force:
        remedy = f"{PROGRAM} lock update {name}, or add --force to replace it"
        raise UsageError(f"{arguments.lock_file} has a model of that name already", name, remedy)


def _remove(arguments: argparse.Namespace, console: Console) -> int:
    with edit(arguments.lock_file) as models:
        pick(models, arguments.name, arguments.lock_file)
        del models[arguments.name]
    console.answer(f"{arguments.name}: removed from {arguments.lock_file}")
    return 0


def _list(arguments: argparse.Namespace, console: Console) -> int:
    models = read(arguments.lock_file)
    if arguments.json:
        console.answer_json({name: entry.to_json() for name, entry in models.items()})
    elif models:
        rows = [[name, entry.describe()] for name, entry in sorted(models.items())]
        console.answer(table(rows))
    else:
        console.note(f"{arguments.lock_file} locks nothing; try: {PROGRAM} lock add NAME REF")
    return 0
