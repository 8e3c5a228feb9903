"""One store path a file, whoever brings it: shared by models, added by hand, never copied."""

import json
import random
from pathlib import Path

from common.files import store_name
from tests.e2e.conftest import Pin
from tests.e2e.models import safetensors
from tests.hub import Hub, Repo
from tests.nix import ROOT, Nix

WEIGHTS = safetensors(3 << 20)
SMALL = {"config.json": b'{"model_type": "bert"}', "deep/er/vocab.txt": b"a\nb\n"}
FILES = {**SMALL, "model.safetensors": WEIGHTS}
ODD = {
    "a b+c%d#e.json": b"{}",
    "été/中文 ?.txt": "größe".encode(),
    "w e+i%g#h ß.safetensors": WEIGHTS,
    "sub dir/.hidden%20.safetensors": safetensors(64),
}


def add(nix: Nix, path: Path, *options: str) -> str:
    """Add a file or a tree to the store by its content; gives its path."""
    return nix.run("nix-store", "--add-fixed", *options, "sha256", str(path)).stdout.strip()


def write(root: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def test_a_file_that_two_models_share_is_one_path(nix: Nix, hub: Hub, pin: Pin) -> None:
    more = {"config.json": b"{}", "more.safetensors": safetensors(8)}
    others = {"model.safetensors": WEIGHTS, **more}
    one, two = pin(Repo("org/one", files=FILES), "one"), pin(Repo("org/two", files=others), "two")
    files = nix.eval(f'map (m: m.files."model.safetensors") [ ({one}) ({two}) ]')
    assert files[0] == files[1]
    nix.build(one, HF_ENDPOINT=hub.endpoint)
    hub.clear()
    nix.build(two, HF_ENDPOINT=hub.endpoint)
    assert {request.file for request in hub.requests} == set(more)


def test_files_added_by_hand_are_never_asked_for(
    nix: Nix, hub: Hub, pin: Pin, tmp_path: Path
) -> None:
    model = pin(Repo("org/one", files=FILES), "one")
    files = nix.eval(f"({model}).files")
    mine = write(tmp_path / "mine", {"model.safetensors": WEIGHTS}) / "model.safetensors"
    small = write(tmp_path / "one-small", SMALL)
    assert add(nix, mine) == files["model.safetensors"]
    assert f"{add(nix, small, '--recursive')}/config.json" == files["config.json"]
    hub.clear()
    path = nix.build(model, HF_ENDPOINT=hub.endpoint)
    assert hub.requests == []
    meta = json.loads((nix.real(path) / ".nix-ai-model-meta.json").read_text())
    assert [file["path"] for file in meta["files"]] == sorted(FILES)


def test_the_output_holds_no_copy_of_a_weight(nix: Nix, hub: Hub, pin: Pin) -> None:
    path = nix.real(nix.build(pin(Repo("org/one", files=FILES), "one"), HF_ENDPOINT=hub.endpoint))
    assert held_bytes(path) < 64 << 10
    [blob] = [item for item in (path / "blobs").iterdir() if item.is_symlink()]
    assert nix.real(blob.readlink()).read_bytes() == WEIGHTS


def held_bytes(root: Path) -> int:
    """Count the bytes of a tree itself, and not of what it links to."""
    return sum(item.lstat().st_size for item in root.rglob("*"))


def test_files_of_any_name(nix: Nix, hub: Hub, pin: Pin) -> None:
    path = nix.real(nix.build(pin(Repo("org/odd", files=ODD), "odd"), HF_ENDPOINT=hub.endpoint))
    [snapshot] = (path / "snapshots").iterdir()
    for name, content in ODD.items():
        for root in (path, snapshot):
            assert follow(nix, root / name).read_bytes() == content


def follow(nix: Nix, path: Path) -> Path:
    """Resolve a link that may lead to a path of the private store."""
    while path.is_symlink():
        target = path.readlink()
        path = nix.real(target) if target.is_absolute() else path.parent / target
    return path


def test_python_and_nix_name_files_alike(nix: Nix, tmp_path: Path) -> None:
    draw = random.Random(1)
    letters = "abcXYZ019+-._?= %#/é中\u00a0~!()"
    names = ["".join(draw.choices(letters, k=draw.randint(1, 12))).strip("/") for _ in range(300)]
    names += ["x" * 300, ".gitattributes", "...", "中文", "a  b", *ODD]
    (tmp_path / "names.json").write_text(json.dumps([name for name in names if name]))
    named = nix.eval(
        f"""map (path: (import {ROOT}/lib/internal/text.nix).storeName (baseNameOf path))
          (builtins.fromJSON (builtins.readFile {tmp_path}/names.json))"""
    )
    assert named == [store_name(name) for name in names if name]


def test_building_again_gives_the_same_bits(nix: Nix, hub: Hub, pin: Pin) -> None:
    model = pin(Repo("org/one", files=FILES), "one")
    nix.rebuild(model, HF_ENDPOINT=hub.endpoint)
    needed = nix.run("nix-store", "--query", "--requisites", nix.eval(f"({model}).drvPath"))
    fetched = [drv for drv in needed.stdout.split() if drv.endswith(("-small.drv", "tensors.drv"))]
    assert len(fetched) == 2
    for drv in fetched:
        hub.clear()
        again = nix.run("nix-store", "--realise", "--check", drv, HF_ENDPOINT=hub.endpoint)
        assert again.returncode == 0, again.stderr
        assert hub.requests, "it was not fetched again"
