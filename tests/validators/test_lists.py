"""The reviewed lists: exact, explained, and right about real repositories."""

import json
import os
import tomllib
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from validators.pickle import verdicts
from validators.pickle.values import Global, Pickle, Use

HERE = Path(verdicts.__file__).parent
SURVEY = os.environ.get("NIX_AI_MODELS_HUB_GLOBALS", "")
MOST_REFUSED = 0.01  # of repositories


def groups() -> list[dict]:
    return tomllib.loads((HERE / "harmless.toml").read_text())["group"]


def test_every_entry_is_explained_and_exact() -> None:
    counts = Counter(name for group in groups() for name in group["names"])
    assert [name for name, count in counts.items() if count > 1] == []
    for group in groups():
        assert group["reason"]
        assert group["checked"]
        uses = {"", verdicts.INSTANCES, verdicts.NAME_ONLY, verdicts.ENUMERATION}
        assert group.get("use", "") in uses
        assert all("*" not in name and "." in name for name in group["names"])


def test_nothing_harmless_becomes_dangerous_by_python_2s_names() -> None:
    for found in verdicts.harmless():
        new = verdicts.renamed(found)
        assert new == found or new in verdicts.harmless() or not verdicts.danger(new), found


def test_listed_modules_are_not_classes_in_disguise() -> None:
    for found in verdicts.harmless():
        assert "." not in found.name


def verdict(module: str, name: str, **use: object) -> str:
    found = Global(module, name)
    return next(verdicts.judge(Pickle(0, uses={found: Use(0, **use)}))).verdict


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        ("torch._utils", "_rebuild_tensor_v2", "harmless"),
        ("torch", "_utils._rebuild_tensor_v2", "unknown"),
        ("collections", "OrderedDict", "harmless"),
        ("collections", "namedtuple", "unknown"),
        ("__builtin__", "set", "harmless"),
        ("__builtin__", "eval", "dangerous"),
        ("builtins", "eval", "dangerous"),
        ("os", "system", "dangerous"),
        ("os.path", "join", "dangerous"),
        ("numpy", "f2py.os.system", "dangerous"),
        ("numpy", "dtype", "harmless"),
        ("numpy", "load", "dangerous"),
        ("commands", "getoutput", "dangerous"),
        ("my_code", "Thing", "unknown"),
        # Each of these was a way past another scanner.
        ("_aix_support", "_read_cmd_output", "dangerous"),
        ("_osx_support", "_find_build_tool", "dangerous"),
        ("_pyrepl.pager", "pipe_pager", "dangerous"),
        ("_xxsubinterpreters", "run_string", "dangerous"),
        ("asyncio.unix_events", "_UnixSubprocessTransport._start", "dangerous"),
        ("distutils.file_util", "write_file", "dangerous"),
        ("ensurepip", "_run_pip", "dangerous"),
        ("idlelib.calltip", "Calltip.fetch_tip", "dangerous"),
        ("imaplib", "IMAP4_stream", "dangerous"),
        ("lib2to3.pgen2.pgen", "ParserGenerator.make_label", "dangerous"),
        ("numpy.f2py.crackfortran", "getlincoef", "dangerous"),
        ("pathlib", "os.system", "dangerous"),
        ("pkgutil", "resolve_name", "dangerous"),
        ("shelve", "open", "dangerous"),
        ("torch._dynamo.guards", "GuardBuilder.get", "dangerous"),
        ("torch.storage", "_load_from_bytes", "dangerous"),
        ("torch.utils.bottleneck.__main__", "run_cprofile", "dangerous"),
        ("uuid", "UUID", "harmless"),
        ("uuid", "_get_command_stdout", "dangerous"),
    ],
)
def test_verdicts(module: str, name: str, expected: str) -> None:
    assert verdict(module, name) == expected


def test_classes_that_may_only_be_instantiated() -> None:
    layer = ("torch.nn.modules.linear", "Linear")
    assert verdict(*layer, pushed=2, instances=2, called=True) == "harmless"
    assert verdict(*layer, pushed=2, instances=1, called=True) == "unknown"
    callback = ("pytorch_lightning.callbacks.early_stopping", "EarlyStopping")
    assert verdict(*callback, pushed=1, keys=1) == "harmless"
    assert verdict(*callback, pushed=1) == "unknown"
    assert verdict(*callback, pushed=2, keys=2, called=True) == "unknown"


@pytest.mark.skipif(not SURVEY, reason="NIX_AI_MODELS_HUB_GLOBALS names no survey of the Hub")
def test_false_alarms_on_real_repositories() -> None:
    repositories = defaultdict(set)
    for line in Path(SURVEY).read_text().splitlines():
        row = json.loads(line)
        unknown = {n for n in row["globals"] if verdicts.parse(n) not in verdicts.harmless()}
        if not row["file"].endswith("training_args.bin"):
            repositories[row["repo"]] |= unknown
    refused = [name for name, unknown in repositories.items() if unknown]
    assert len(repositories) > 500
    assert len(refused) / len(repositories) <= MOST_REFUSED
