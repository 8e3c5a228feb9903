"""Models where programs look for them: caches, wrappers, links for some users, Ollama, lazy."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.digest import file_sha256, to_sri
from tests.cli.conftest import Command
from tests.e2e.conftest import Pin
from tests.e2e.loading import load
from tests.e2e.models import safetensors, tiny_bert
from tests.hub import Hub, Repo
from tests.layouts.test_ollama import gguf, read
from tests.nix import ROOT, Nix
from tests.servers.registry import MANIFEST_TYPE, Registry, registry

WITH_STORE = str(ROOT / "scripts/with-store")
TOKENIZER = {"tokenizer.json": b'{"version": "1.0"}' * 9}
SMALL = {"config.json": b'{"model_type": "bert"}', "model.safetensors": safetensors(2 << 20)}
ALLOWED_GROUP = "users"


def test_two_models_that_share_a_tokenizer_load_from_one_cache(
    nix: Nix, hub: Hub, pin: Pin, tmp_path: Path
) -> None:
    models = [
        pin(Repo(f"org/{name}", files=tiny_bert(tmp_path / name, seed) | TOKENIZER), name)
        for seed, name in enumerate(("one", "two"))
    ]
    cache = nix.build(f"lib.mkHfCache [ ({models[0]}) ({models[1]}) ]", HF_ENDPOINT=hub.endpoint)
    blobs = [path for path in nix.real(f"{cache}/blobs").iterdir() if not path.is_symlink()]
    assert sum(blob.read_bytes() == TOKENIZER["tokenizer.json"] for blob in blobs) == 1
    answers = [load(nix, f"org/{name}", HF_HOME=cache) for name in ("one", "two")]
    assert answers[0]["numbers"] != answers[1]["numbers"]
    for answer in answers:
        assert answer["class"] == "BertModel"
        assert answer["warnings"] == []
        assert answer["repositories"] == ["org/one", "org/two"]


def test_a_wrapper_and_a_shell_bring_a_model_into_scope(nix: Nix, hub: Hub, pin: Pin) -> None:
    model = f"({pin(Repo('microsoft/phi-2', files=SMALL), 'phi-2')})"
    wrapper = nix.build(
        f'lib.wrapProgram {{ program = "/usr/bin/env"; models = [ {model} ]; }}',
        HF_ENDPOINT=hub.endpoint,
    )
    path = nix.build(model, HF_ENDPOINT=hub.endpoint)
    shown = nix.loaded(f"{wrapper}/bin/env").stdout
    assert f"HF_HUB_CACHE={path}/hub\n" in shown
    assert f"PHI2_MODEL_PATH={path}\n" in shown
    assert "HF_HUB_OFFLINE=1\n" in shown
    # The specification's 14.2: stdenv sources this in a shell that has the model as a package.
    hook = f'. {path}/nix-support/setup-hook; echo "Model available at: $PHI2_MODEL_PATH"'
    assert nix.loaded("sh", "-euc", hook).stdout == f"Model available at: {path}\n"
    assert (
        nix.loaded(
            "sh",
            "-c",
            f"{python_wrapper(nix, hub, model)} -c 'import os; print(os.environ[\"HF_HOME\"])'",
        ).stdout
        == f"{path}\n"
    )

    own = nix.build(
        f"({model}.override {{ integration.wrappers.python.enable = true; }})",
        HF_ENDPOINT=hub.endpoint,
    )
    script = "import os; print(os.environ['HF_HOME'])"
    inside = nix.loaded(f"{own}/bin/python3-with-phi-2", "-c", script, HOME="/nowhere")
    assert inside.stdout == f"{own}\n", inside.stderr


def python_wrapper(nix: Nix, hub: Hub, model: str) -> str:
    built = nix.build(f"{model}.wrappers.python", HF_ENDPOINT=hub.endpoint)
    return f"{built}/bin/python3-with-phi-2"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory whose parents everybody may enter."""
    root = Path(tempfile.mkdtemp(prefix="ai-models-"))
    root.chmod(0o755)
    yield root
    shutil.rmtree(root)


def test_only_allowed_users_enter_the_cache(nix: Nix, hub: Hub, pin: Pin, folder: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("becoming other users needs root")
    model = f"({pin(Repo('org/m', files=SMALL), 'm')})"
    directories = " ".join(
        f'{{ path = "{folder}/{name}"; mode = "0750"; owner = "root"; group = "{ALLOWED_GROUP}"; }}'
        for name in ("cache", "cache/hub")
    )
    manifest = nix.build(
        f"""lib.mkManifest {{
          state = "{folder}/state/links.json";
          directories = [ {directories} ];
          links = [ {{
            path = "{folder}/cache/hub/models--org--m"; target = {model}.hub; model = "m";
          }} ];
        }}""",
        HF_ENDPOINT=hub.endpoint,
    )
    command = nix.build("lib.command")
    linked = nix.loaded(f"{command}/bin/nix-ai-model", "link", "--manifest", manifest)
    assert linked.returncode == 0, linked.stderr

    def as_user(*groups: str) -> subprocess.CompletedProcess[str]:
        find = "from huggingface_hub import snapshot_download as s; print(s('org/m'))"
        return nix.loaded(
            *("setpriv", "--reuid=4242", "--regid=4242", *groups, sys.executable, "-c", find),
            HF_HUB_CACHE=f"{folder}/cache/hub",
            HF_HUB_OFFLINE="1",
            HOME="/nowhere",
        )

    allowed = as_user(f"--groups={ALLOWED_GROUP}")
    assert allowed.returncode == 0, allowed.stderr
    assert allowed.stdout.startswith(f"{folder}/cache/hub/models--org--m/snapshots/")
    refused = as_user("--clear-groups")
    assert refused.returncode != 0
    assert "Permission denied" in refused.stderr or "LocalEntryNotFound" in refused.stderr
    listing = nix.loaded(
        "setpriv", "--reuid=4242", "--regid=4242", "--clear-groups", "ls", f"{folder}/cache"
    )
    assert "Permission denied" in listing.stderr


def push(upstream: Registry, store: Path, name: str, tag: str) -> bytes:
    """Push a model of an Ollama store to a registry, as `ollama push` does."""
    manifest = (store / f"manifests/registry.ollama.ai/library/{name}/{tag}").read_bytes()
    data = json.loads(manifest)
    for layer in [data["config"], *data["layers"]]:
        content = (store / "blobs" / layer["digest"].replace(":", "-")).read_bytes()
        assert upstream.push_blob(f"library/{name}", content) == layer["digest"]
    upstream.push_blob(f"library/{name}", manifest)
    upstream._send("PUT", f"/v2/library/{name}/manifests/{tag}", manifest, MANIFEST_TYPE)
    return manifest


def test_an_ollama_store_goes_round_through_a_real_registry(
    nix: Nix, command: Command, tmp_path: Path, folder: Path
) -> None:
    (folder / "src").mkdir()
    gguf(folder / "src/phi.gguf")
    digest = to_sri(file_sha256(folder / "src/phi.gguf"))
    model = f"""(lib.fetchModel {{
      name = "phi-2"; source.local.path = {folder}/src; fileHashes."phi.gguf" = "{digest}";
      integration.ollama = {{ name = "phi-2:tiny"; template = "{{{{ .Prompt }}}}";
        system = "Be brief."; parameters.temperature = 0; }};
    }})"""
    store = nix.real(nix.build(f"lib.mkOllamaStore [ {model} ]"))
    read(store, "registry.ollama.ai/library/phi-2/tiny")
    assert nix.build(f"{model}.ollamaStore") == f"/nix/store/{store.name}"
    with registry(tmp_path) as upstream:
        manifest = push(upstream, store, "phi-2", "tiny")
        reference = f"ollama:{upstream.url}/library/phi-2:tiny"
        command.ok("lock", "add", "phi", reference)
        again = nix.build(f"lib.mkOllamaStore {{ phi = (lib.fromLock {command.lock}).phi; }}")
    host = upstream.url.removeprefix("http://")
    assert (nix.real(again) / f"manifests/{host}/library/phi-2/tiny").read_bytes() == manifest
    read(nix.real(again), f"{host}/library/phi-2/tiny")


def test_a_lazy_model_is_small_and_comes_when_it_is_wanted(
    nix: Nix, hub: Hub, pin: Pin, folder: Path
) -> None:
    if os.getuid() != 0:
        pytest.skip("mounting the private store at /nix needs root")
    model = f"({pin(Repo('org/m', files=SMALL), 'm')})"
    hub.clear()
    lazy = nix.build(f"({model}.override {{ lazy = true; }})", HF_ENDPOINT=hub.endpoint)
    assert hub.requests == [], "building it fetches nothing"
    size = sum(p.lstat().st_size for p in nix.real(lazy).rglob("*") if p.is_file())
    assert size < 16 << 10
    eager = nix.eval(f"toString {model}")

    def inside(script: str) -> subprocess.CompletedProcess[str]:
        environ = {"HOME": str(folder), "HF_ENDPOINT": hub.endpoint}
        return nix.run(WITH_STORE, "sh", "-euc", script, **environ)

    def read_weights() -> subprocess.CompletedProcess[str]:
        return inside(
            f"sha256sum <{lazy}/model.safetensors; cat {lazy}/hub/models--org--m/refs/main"
        )

    assert read_weights().returncode != 0
    fetched = inside(f"{lazy}/bin/fetch-m")
    assert fetched.returncode == 0, fetched.stderr
    assert read_weights().returncode == 0
    assert nix.real(eager).exists()
    assert (folder / ".local/state/nix-ai-models/roots/m").readlink() == Path(eager)
    hub.clear()
    assert inside(f"{lazy}/bin/fetch-m").returncode == 0
    assert hub.requests == [], "the second time it is there"
    inside("nix-collect-garbage")
    assert nix.real(eager).exists(), "what was fetched is kept"


def test_a_root_of_a_manifest_keeps_the_model_until_it_is_removed(
    nix: Nix, folder: Path, tmp_path: Path
) -> None:
    if os.getuid() != 0:
        pytest.skip("mounting the private store at /nix needs root")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/config.json").write_text("{}")
    digest = to_sri(file_sha256(tmp_path / "src/config.json"))
    model = f"""(lib.fetchModel {{
      name = "m"; source.local.path = {tmp_path}/src; fileHashes."config.json" = "{digest}";
    }})"""
    path, command = nix.build(model), nix.build("lib.command")
    manifest = folder / "manifest.json"
    root = {"path": f"{folder}/roots/m", "target": path, "model": "m"}
    data = {"version": 1, "state": f"{folder}/links.json", "roots": [root]}
    manifest.write_text(json.dumps(data))

    def inside(script: str) -> None:
        done = nix.run(WITH_STORE, "sh", "-euc", script)
        assert done.returncode == 0, done.stderr

    link = f"{command}/bin/nix-ai-model link --manifest {manifest}"
    # The command itself has no root here, so what comes after is one line with the collection.
    inside(f"{link}; nix-collect-garbage")
    assert nix.real(path).exists()
    assert nix.build("lib.command") == command
    inside(f"{link} --remove; nix-collect-garbage")
    assert not nix.real(path).exists()
