"""The ways to a model without its hub: a carried directory, mirrors, another store, a cache."""

import hashlib
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from common.digest import to_sri
from tests import minilm
from tests.e2e.command import Command
from tests.hub import Hub, Repo
from tests.nix import Nix
from tests.weights import safetensors

NOWHERE = "http://127.0.0.1:9"
WEIGHTS = safetensors(6 << 20)
FILES = {"model.safetensors": WEIGHTS, "config.json": b"{}", "sub/vocab.txt": b"a\n"}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub([Repo("org/tiny", files=FILES)]) as hub:
        yield hub
        assert hub.failures == []


@pytest.fixture
def command(nix: Nix, hub: Hub, tmp_path: Path) -> Command:
    command = Command(nix, tmp_path / "work", hub.endpoint)
    command.add("tiny", "hf:org/tiny")
    return command


@contextmanager
def web_server(folder: Path) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Serve a directory as any static server would; log paths and Authorization headers."""
    log: list[tuple[str, str | None]] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            log.append((self.path, self.headers.get("Authorization")))

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", log
    finally:
        server.shutdown()
        server.server_close()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.slow
def test_export_carry_import_build_load(tmp_path: Path) -> None:
    """The whole way with a real model, which transformers loads on the other machine."""
    here, there = Nix(tmp_path / "here"), Nix(tmp_path / "there")
    repo = "sentence-transformers/all-MiniLM-L6-v2"
    with Hub([Repo(repo, files=minilm.files())]) as hub:
        online = Command(here, tmp_path / "online", hub.endpoint)
        online.add("minilm", f"hf:{repo}")
        online.ok("mirror", "export", tmp_path / "out", "minilm")
    shutil.move(tmp_path / "out", tmp_path / "stick")  # the carrying; the hub is gone
    offline = Command(there, tmp_path / "offline", NOWHERE)
    offline.lock = tmp_path / "stick/models.lock.json"
    done = offline.without_lock("mirror", "import", tmp_path / "stick")
    assert "taken from disk" in done
    model = there.build(offline.model("minilm"), HF_ENDPOINT=NOWHERE)
    program = f"""
from transformers import AutoModel
model = AutoModel.from_pretrained({repo!r})
print(sum(parameter.numel() for parameter in model.parameters()))
"""
    loaded = there.loaded(
        "--offline", "env", f"HF_HOME={model}", "HF_HUB_OFFLINE=1",
        sys.executable, "-c", program,
    )  # fmt: skip
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.split()[-1] == "22713216"


def test_export_takes_from_the_store_and_is_complete(command: Command, hub: Hub) -> None:
    command.ok("fetch", "tiny")
    hub.clear()
    told = json.loads(command.ok("mirror", "export", command.folder / "out", "--json"))
    assert hub.requests == []
    assert told["models"]["tiny"]["files"] == 3
    contents = {path.name: path.read_bytes() for path in (command.folder / "out/sha256").iterdir()}
    assert contents == {digest(content): content for content in FILES.values()}
    again = command.ok("mirror", "export", command.folder / "out", "tiny")
    assert "3 files" in again


def test_a_damaged_file_of_a_mirror_is_not_taken(command: Command, nix: Nix, hub: Hub) -> None:
    command.ok("mirror", "export", command.folder / "out", "tiny")
    (command.folder / "out/sha256" / digest(WEIGHTS)).write_bytes(b"\0" * len(WEIGHTS))
    done = command(
        "fetch", "tiny", "--retries", "0", "--from", command.folder / "out", HF_ENDPOINT=NOWHERE
    )
    assert done.returncode == 1
    assert "no connection to" in done.stderr
    told = command.fetched("tiny", "--from", command.folder / "out")["tiny"]["files"]
    assert told["model.safetensors"]["from"] == "download"
    assert told["config.json"]["from"] == "store"  # since the first call, from the mirror


def test_a_web_server_of_the_directory_serves_fetch_and_builds(
    command: Command, nix: Nix, hub: Hub
) -> None:
    command.ok("mirror", "export", command.folder / "out", "tiny")
    hub.clear()
    (Path(command.environ["HOME"]) / ".netrc").write_text(
        "machine 127.0.0.1 login a password b1b2\n"
    )
    with web_server(command.folder / "out") as (url, log):
        secret = {"HF_TOKEN": "hf_not_for_mirrors", "NETRC": f"{command.environ['HOME']}/.netrc"}
        mirrors = f'download.mirrors = [ "{NOWHERE}" "{url}" ]; onDownloadFailure.maxRetries = 0;'
        built = nix.build(
            f'(lib.fetchModel {{ name = "tiny"; lock = {command.lock}; {mirrors} }})',
            HF_ENDPOINT=NOWHERE,
            **secret,
        )
        assert nix.loaded("cat", f"{built}/sub/vocab.txt").stdout == "a\n"
        other = Command(Nix(command.folder / "other"), command.folder / "more", NOWHERE)
        other.lock = command.lock
        other.ok("fetch", "tiny", "--mirror", url, **secret)
        third = Nix(command.folder / "third")
        third.build(command.model(), HF_ENDPOINT=NOWHERE, NIX_AI_MODELS_MIRRORS=url)
    assert hub.requests == []
    assert {authorization for _, authorization in log} == {None}
    assert {path for path, _ in log} == {f"/sha256/{digest(c)}" for c in FILES.values()}


def test_nixs_own_hashed_mirrors_read_the_directory(command: Command, nix: Nix) -> None:
    command.ok("mirror", "export", command.folder / "out", "tiny")
    fetchurl = f"""derivation {{
      name = "model.safetensors"; system = "builtin"; builder = "builtin:fetchurl";
      url = "{NOWHERE}/gone"; urls = [ ]; unpack = false; executable = false;
      outputHash = "{to_sri(digest(WEIGHTS))}"; outputHashAlgo = "sha256"; outputHashMode = "flat";
    }}"""
    with web_server(command.folder / "out") as (url, _):
        path = nix.build(fetchurl, "--option", "hashed-mirrors", url)
    assert nix.real(path).read_bytes() == WEIGHTS


def test_a_second_store_gets_it_by_nix_copy(command: Command, nix: Nix, hub: Hub) -> None:
    built = nix.build(command.model(), HF_ENDPOINT=hub.endpoint)
    hub.clear()
    second = Nix(command.folder / "second")
    copied = second.run("nix", "copy", "--no-check-sigs", "--from", str(nix.state / "store"), built)
    assert copied.returncode == 0, copied.stderr
    assert second.loaded("cat", f"{built}/config.json").stdout == "{}"
    assert second.build(command.model(), HF_ENDPOINT=NOWHERE) == built
    assert hub.requests == []


@pytest.mark.parametrize("way", ["build", "fetch"])
def test_a_binary_cache_spares_the_hub(command: Command, nix: Nix, hub: Hub, way: str) -> None:
    command.ok("fetch", "tiny")
    files = nix.eval(f'map (f: "${{f}}") (builtins.attrValues ({command.model()}).files)')
    paths = sorted({"/".join(path.split("/")[:4]) for path in files})
    cache = command.folder / "cache"
    pushed = nix.run("nix", "copy", "--to", f"file://{cache}?compression=none", *paths)
    assert pushed.returncode == 0, pushed.stderr
    hub.clear()
    second = Nix(command.folder / "second")
    second.run("true")  # writes its settings
    settings = second.state / "conf/nix.conf"
    settings.write_text(settings.read_text() + f"substituters = file://{cache}\n")
    other = Command(second, command.folder / "more", NOWHERE)
    other.lock = command.lock
    if way == "build":
        second.build(command.model(), HF_ENDPOINT=NOWHERE)
    else:
        assert "nothing was missing" in other.ok("fetch", "tiny")
    assert hub.requests == []


def test_several_hubs_are_tried_in_order(command: Command, nix: Nix, hub: Hub) -> None:
    several = f'endpoint = [ "{NOWHERE}" "{hub.endpoint}" ];'
    path = nix.build(
        f"""(lib.fetchModel {{
          source.huggingface = {{ repo = "org/tiny"; {several} }};
          fileHashes."model.safetensors" = "{to_sri(digest(WEIGHTS))}";
          onDownloadFailure.maxRetries = 0;
        }}).files."model.safetensors" """,
        HF_ENDPOINT=NOWHERE,
    )
    assert nix.real(path).read_bytes() == WEIGHTS


def test_importing_what_was_not_exported(command: Command) -> None:
    done = command.call("mirror", "import", command.folder)  # has a lock file, and no content
    assert done.returncode == 2
    assert "this directory is no exported mirror" in done.stderr
