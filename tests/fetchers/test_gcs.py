"""Models in Google Cloud Storage: its emulator, through real sandboxed builds."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from common.digest import fixed_output_path
from common.errors import AuthError, IntegrityError, NotFoundError, TransferError, UsageError
from common.reference import Source
from fetchers import gcs
from fetchers.context import Context, Retries
from tests.fetchers.bucket_model import (
    BIG,
    IMPATIENT,
    MANY,
    MODEL,
    QUIET,
    WEIGHTS,
    command,
    files_at,
    in_parts,
    lock,
    locked,
    safetensors,
    sri,
)
from tests.nix import ROOT, Nix
from tests.servers import gcs as servers

PREFIXED = {f"org/tiny/{path}": content for path, content in MODEL.items()}
PRIVATE = "gs://private-models/org/tiny/"
WEIGHT_KEY = "org/tiny/model.safetensors"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Store]:
    with servers.gcs(tmp_path_factory.mktemp("gcs"), {"many": len(MANY)}) as server:
        server.bucket("models", PREFIXED)
        server.bucket("private-models", PREFIXED)
        yield server


@pytest.fixture
def store(server: servers.Store) -> servers.Store:
    server.proxy.reset()
    return server


def environ(store: servers.Store, **more: str) -> dict[str, str]:
    return {"STORAGE_EMULATOR_HOST": store.url, **QUIET, **more}


def signed_in(store: servers.Store) -> dict[str, str]:
    return environ(store, CLOUDSDK_AUTH_ACCESS_TOKEN=store.token)


def context(store: servers.Store, **more: str) -> Context:
    return Context(environ=environ(store, **more), retries=Retries(2, 0.01), stall=5)


def source(bucket: str = "models", prefix: str = "org/tiny/", **attrs: Any) -> Source:
    return Source("gcs", {"bucket": bucket, "prefix": prefix, **attrs})


def weights(hash_: str = sri(WEIGHTS), bucket: str = "models") -> str:
    """Give the expression of the derivation of the large file alone."""
    return f"""(lib.fetchModel {{
      source.gcs = {{ bucket = "{bucket}"; prefix = "org/tiny/"; }};
      fileHashes."model.safetensors" = "{hash_}"; {IMPATIENT}
    }}).files."model.safetensors" """


def file_of(store: servers.Store, bucket: str, path: str) -> Any:
    files = gcs.resolve(source(bucket), context(store)).files
    return next(file for file in files if file.path == path)


def test_a_private_model_is_locked_built_and_built_again(
    nix: Nix, store: servers.Store, tmp_path: Path
) -> None:
    path = lock(tmp_path, PRIVATE, **signed_in(store))
    assert files_at(nix, nix.build(locked(path), **signed_in(store))) == MODEL
    nix.rebuild(locked(path), **signed_in(store))
    nix.rebuild(f"""({locked(path)}).files."model.safetensors" """, **signed_in(store))
    files = json.loads(path.read_text())["models"]["model"]["files"]
    assert all(file["pin"].startswith("generation:") for file in files.values())
    assert all("generation=" in seen.path for seen in store.proxy.gets("/download/"))
    assert store.token not in path.read_text()


def test_a_public_model_needs_no_credentials_and_has_the_path_of_every_source(
    nix: Nix, store: servers.Store
) -> None:
    out = nix.build(weights(), **environ(store))
    assert out == fixed_output_path("model.safetensors", sha256(WEIGHTS).hexdigest())
    assert not any("Authorization" in seen.headers for seen in store.proxy.seen)


def test_a_service_account_signs_in(store: servers.Store, tmp_path: Path) -> None:
    key = store.key_file(tmp_path / "key.json")
    given = {"GOOGLE_APPLICATION_CREDENTIALS": str(key)}
    told = command("prefetch", PRIVATE, **environ(store, **given))
    assert told.returncode == 0, told.stderr
    assert len([seen for seen in store.proxy.seen if seen.path == "/token"]) == 1
    found = gcs.resolve(source("private-models"), context(store, **given))
    assert [file.path for file in found.files] == sorted(MODEL)


def test_a_service_account_that_is_refused_is_told(store: servers.Store, tmp_path: Path) -> None:
    key = store.key_file(tmp_path / "key.json")
    store.proxy.refuse(
        lambda seen: seen.path == "/token",
        400,
        times=9,
        headers={"Content-Type": "application/json"},
        body=b'{"error": "invalid_grant", "error_description": "account disabled"}',
    )
    given = {"GOOGLE_APPLICATION_CREDENTIALS": str(key)}
    told = command("prefetch", PRIVATE, **environ(store, **given))
    assert told.returncode == 1
    assert "Google refuses these credentials" in told.stderr
    assert "PRIVATE KEY" not in told.stderr


@pytest.mark.parametrize("content", [None, "", "{}", '{"type": "service_account"}'])
def test_a_key_file_that_is_none_is_told(
    store: servers.Store, tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "key.json").write_text(content)
    given = {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "key.json")}
    with pytest.raises(AuthError, match=r"no Google credentials can be read from .*key\.json"):
        gcs.resolve(source(), context(store, **given))


def test_anonymous_wins_over_credentials(store: servers.Store) -> None:
    asked = context(store, CLOUDSDK_AUTH_ACCESS_TOKEN=store.token)
    gcs.resolve(source(anonymous=True), asked)
    assert not any("Authorization" in seen.headers for seen in store.proxy.seen)


def test_no_or_wrong_credentials_are_told_and_never_shown(nix: Nix, store: servers.Store) -> None:
    log = nix.build_fails(weights(bucket="private-models"), **environ(store))
    assert "is not public, and no credentials were found, got HTTP 401" in log
    wrong = environ(store, CLOUDSDK_AUTH_ACCESS_TOKEN="ya29.wrong-token")
    log = nix.build_fails(weights(bucket="private-models"), **wrong)
    assert "these credentials may not read gs://private-models/org/tiny/model" in log
    assert "ya29.wrong-token" not in log
    assert "model.safetensors" not in " ".join(nix.outputs())


def test_thousands_of_objects_are_all_listed_and_the_tree_is_the_local_one(
    nix: Nix, store: servers.Store, tmp_path: Path
) -> None:
    found = gcs.resolve(source("many", ""), context(store))
    assert [file.path for file in found.files] == sorted(MANY)
    assert len(store.proxy.gets("pageToken")) == 4  # two readings of three pages
    some = {path: content for path, content in MANY.items() if path.startswith("shards/123")}
    for path, content in some.items():
        (tmp_path / "m" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "m" / path).write_bytes(content)
    tree = json.loads(command("prefetch", f"file:{tmp_path}/m", "--tree-hash", "--json").stdout)
    attrs = """source.gcs = { bucket = "many"; files = [ "shards/123*" ]; };"""
    nix.build(f"""(lib.fetchModel {{ {attrs} hash = "{tree["hash"]}"; }}).raw""", **environ(store))


def test_a_listing_that_changes_between_pages_is_read_again(store: servers.Store) -> None:
    store.proxy.first(lambda seen: "pageToken" in seen.path, lambda: store.put("many", "a", b"x"))
    try:
        found = gcs.resolve(source("many", ""), context(store))
    finally:
        store.delete("many", "a")
    assert len(found.files) == len(MANY) + 1
    assert found.files[0].path == "a"


def test_a_listing_that_never_holds_still_is_told(store: servers.Store) -> None:
    names = iter(range(99))
    change = lambda: store.put("many", f"a{next(names)}", b"x")  # noqa: E731
    store.proxy.first(lambda seen: "pageToken" in seen.path, change, times=99)
    try:
        with pytest.raises(TransferError, match="objects come and go"):
            gcs.resolve(source("many", ""), context(store))
    finally:
        for number in range(next(names)):
            store.delete("many", f"a{number}")


def test_a_transfer_that_breaks_is_resumed(nix: Nix, store: servers.Store) -> None:
    store.proxy.cut(lambda seen: "/download/" in seen.path, after=1 << 20, times=2)
    assert nix.real(nix.build(weights(), **environ(store))).read_bytes() == WEIGHTS
    asked = [seen.headers.get("Range") for seen in store.proxy.gets("/download/")]
    assert asked == [None, "bytes=1048576-", "bytes=2097152-"]


def test_a_large_object_comes_in_parts(store: servers.Store, tmp_path: Path) -> None:
    store.bucket("parts", {"big.bin": BIG})
    (listed,) = gcs.resolve(source("parts", ""), context(store)).files
    store.proxy.cut(lambda seen: "/download/" in seen.path, after=5 << 20)
    file = in_parts(pin=listed.pin)
    gcs.download(source("parts", ""), "", file, tmp_path / "out", context(store))
    assert (tmp_path / "out").read_bytes() == BIG
    first, second = (seen.headers["Range"] for seen in store.proxy.gets("/download/"))
    assert first == f"bytes=0-{len(BIG) - 1}"
    assert second == f"bytes={5 << 20}-{len(BIG) - 1}"
    gcs.download(
        *(source("parts", ""), "", in_parts(pin="generation:1"), tmp_path / "again"), context(store)
    )
    assert (tmp_path / "again").read_bytes() == BIG


def test_a_generation_is_resumed_without_any_hash(store: servers.Store, tmp_path: Path) -> None:
    file = file_of(store, "models", "model.safetensors")
    store.proxy.cut(lambda seen: "/download/" in seen.path, after=1 << 20)
    gcs.download(source(), "", file, tmp_path / "out", context(store))
    assert (tmp_path / "out").read_bytes() == WEIGHTS
    assert store.proxy.gets("/download/")[-1].headers["Range"] == "bytes=1048576-"


def test_an_object_replaced_between_listing_and_download_is_noticed(
    store: servers.Store, tmp_path: Path
) -> None:
    store.bucket("moving", PREFIXED)
    file = file_of(store, "moving", "config.json")
    store.put("moving", "org/tiny/config.json", b"{}")
    with pytest.raises(IntegrityError, match="no longer the object that was pinned"):
        gcs.download(source("moving"), "", file, tmp_path / "out", context(store))
    assert list(tmp_path.iterdir()) == []


def test_an_object_replaced_after_locking_is_judged_by_its_content(
    nix: Nix, store: servers.Store, tmp_path: Path
) -> None:
    store.bucket("replaced", PREFIXED)
    path = lock(tmp_path, "gs://replaced/org/tiny", **environ(store))
    store.put("replaced", WEIGHT_KEY, WEIGHTS)  # anew, with the same content
    nix.build(locked(path), **environ(store))
    other = safetensors(2)
    store.put("replaced", WEIGHT_KEY, other)
    log = Nix(tmp_path / "another").build_fails(locked(path), **environ(store))
    for word in ("model.safetensors", "gs://replaced/", sri(WEIGHTS), sri(other), "lock update"):
        assert word in log
    store.delete("replaced", WEIGHT_KEY)
    log = Nix(tmp_path / "third").build_fails(locked(path), **environ(store))
    assert f"gs://replaced/{WEIGHT_KEY} does not exist" in log


def test_a_wrong_hash_is_refused_and_nothing_stays(nix: Nix, store: servers.Store) -> None:
    log = nix.build_fails(weights(sri(b"other")), **environ(store))
    assert sri(b"other") in log
    assert sri(WEIGHTS) in log
    assert "model.safetensors" not in " ".join(nix.outputs())


def test_throttling_is_waited_out_or_told(nix: Nix, store: servers.Store) -> None:
    store.proxy.refuse(lambda _: True, 429, times=2, headers={"Retry-After": "0"})
    nix.build(weights(), **environ(store))
    store.proxy.refuse(lambda _: True, 503, times=99, headers={"Retry-After": "0"})
    with pytest.raises(TransferError, match="gave up after 3 attempts"):
        gcs.resolve(source(), context(store))


@pytest.mark.parametrize(
    ("attrs", "error", "words"),
    [
        ({"bucket": "nobody"}, NotFoundError, "gs://nobody/org/tiny/ does not exist"),
        ({"prefix": "org/huge/"}, NotFoundError, "gs://models/org/huge/ has no objects"),
        ({"files": ["*.gguf"]}, NotFoundError, "no file that matches"),
    ],
)
def test_what_is_not_there_is_named(
    store: servers.Store, attrs: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        gcs.resolve(source(**attrs), context(store))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (("a", "a/b"), "a file and a directory at once"),
        (("a\\b",), "leaves the model"),
        (("a//b",), "leaves the model"),
    ],
)
def test_names_that_no_directory_can_hold_are_told(
    store: servers.Store, keys: tuple[str, ...], words: str
) -> None:
    bucket = store.bucket(f"odd-{len(keys)}-{len(keys[0])}-{ord(keys[0][1:2] or 'x')}", {})
    for key in keys:
        store.put(bucket, f"m/{key}", b"x")
    with pytest.raises(UsageError, match=words):
        gcs.resolve(source(bucket, "m/"), context(store))


def test_the_project_that_pays_is_said_with_every_request(
    store: servers.Store, tmp_path: Path
) -> None:
    where = source(userProject="paying-project")
    file = gcs.resolve(where, context(store)).files[0]
    gcs.download(where, "", file, tmp_path / "out", context(store))
    assert all("userProject=paying-project" in seen.path for seen in store.proxy.seen)


def test_the_example_evaluates(nix: Nix) -> None:
    example = f"(import {ROOT}/examples/gcs.nix {{ nix-ai-models = lib; }})"
    told = nix.eval(f"[ {example}.name {example}.reference ]")
    assert told == ["llama-2-7b", "gs://my-models/llama-2-7b/"]
