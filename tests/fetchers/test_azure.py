"""Models in Azure Blob Storage: Azurite, through real sandboxed builds."""

import base64
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from common.digest import fixed_output_path
from common.errors import IntegrityError, NotFoundError, TransferError
from common.reference import Source
from fetchers import azure
from fetchers.azure_auth import find_account
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
from tests.servers.azurite import ACCOUNT, KEY, MSI, Store, azurite

PREFIXED = {f"org/tiny/{path}": content for path, content in MODEL.items()}
TINY = f"az://{ACCOUNT}/models/org/tiny/"
WEIGHT_KEY = "org/tiny/model.safetensors"
WRONG_KEY = base64.b64encode(b"another account's key, of this length").decode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with azurite(tmp_path_factory.mktemp("azurite")) as server:
        server.container("models", PREFIXED)
        server.container("public", PREFIXED, public=True)
        yield server


@pytest.fixture
def store(server: Store) -> Store:
    server.proxy.reset()
    return server


def by_string(store: Store, key: str = KEY) -> dict[str, str]:
    return {"AZURE_STORAGE_CONNECTION_STRING": store.connection_string(key), **QUIET}


def context(store: Store, environ: dict[str, str] | None = None) -> Context:
    given = by_string(store) if environ is None else environ
    return Context(environ=given, retries=Retries(2, 0.01), stall=5)


def source(container: str = "models", prefix: str = "org/tiny/", **attrs: Any) -> Source:
    where = {"account": ACCOUNT, "container": container, "prefix": prefix}
    return Source("azure", {**where, **attrs})


def weights(store: Store, hash_: str = sri(WEIGHTS), container: str = "models") -> str:
    """Give the expression of the derivation of the large file alone."""
    return f"""(lib.fetchModel {{
      source.azure = {{
        account = "{ACCOUNT}"; container = "{container}"; prefix = "org/tiny/";
        endpoint = "{store.url}";
      }};
      fileHashes."model.safetensors" = "{hash_}"; {IMPATIENT}
    }}).files."model.safetensors" """


def file_of(store: Store, container: str, path: str) -> Any:
    files = azure.resolve(source(container), context(store)).files
    return next(file for file in files if file.path == path)


def test_a_private_model_is_locked_built_and_built_again(
    nix: Nix, store: Store, tmp_path: Path
) -> None:
    path = lock(tmp_path, TINY, **by_string(store))
    assert files_at(nix, nix.build(locked(path), **by_string(store))) == MODEL
    nix.rebuild(locked(path), **by_string(store))
    nix.rebuild(f"""({locked(path)}).files."model.safetensors" """, **by_string(store))
    assert KEY not in path.read_text()


def test_a_public_container_needs_no_credentials_and_gives_the_path_of_every_source(
    nix: Nix, store: Store
) -> None:
    out = nix.build(weights(store, container="public"))
    assert out == fixed_output_path("model.safetensors", sha256(WEIGHTS).hexdigest())
    found = azure.resolve(source("public", endpoint=store.url), context(store, {}))
    assert [file.path for file in found.files] == sorted(MODEL)
    azure.resolve(source("public", endpoint=store.url, anonymous=True), context(store))
    assert not any("Authorization" in seen.headers for seen in store.proxy.seen)


@pytest.mark.parametrize("mark", ["", "?"])
def test_a_shared_access_signature(nix: Nix, store: Store, mark: str) -> None:
    given = {"AZURE_STORAGE_SAS_TOKEN": mark + store.sas("models")}
    nix.build(weights(store), **given)
    azure.resolve(source(endpoint=store.url), context(store, given))


def test_a_signature_in_a_connection_string(store: Store) -> None:
    text = f"BlobEndpoint={store.url};SharedAccessSignature={store.sas('models')}"
    azure.resolve(source(), context(store, {"AZURE_STORAGE_CONNECTION_STRING": text}))


def test_an_account_key(store: Store) -> None:
    given = {"AZURE_STORAGE_KEY": KEY, "AZURE_STORAGE_ACCOUNT": ACCOUNT}
    azure.resolve(source(endpoint=store.url), context(store, given))


def test_credentials_of_another_account_are_not_used(store: Store) -> None:
    text = store.connection_string().replace(f"AccountName={ACCOUNT}", "AccountName=theirs")
    for given in (
        {"AZURE_STORAGE_CONNECTION_STRING": text},
        {"AZURE_STORAGE_KEY": KEY, "AZURE_STORAGE_ACCOUNT": "theirs"},
    ):
        account = find_account(source().attrs, context(store, given))
        assert account.url == f"https://{ACCOUNT}.blob.core.windows.net"
        assert not account.signed


@pytest.mark.parametrize("identity", ["", "identity = true;"])
def test_a_managed_identity(nix: Nix, store: Store, identity: str) -> None:
    given = {"IDENTITY_ENDPOINT": store.proxy.url + MSI, "IDENTITY_HEADER": "header"}
    expression = weights(store).replace("endpoint =", f"{identity} endpoint =")
    out = nix.build(expression, **given)
    assert nix.real(out).read_bytes() == WEIGHTS
    assert store.proxy.gets(WEIGHT_KEY)[0].headers["Authorization"] == f"Bearer {store.token}"


def test_an_identity_that_is_none_is_told(nix: Nix, store: Store) -> None:
    store.proxy.refuse(lambda seen: MSI in seen.path, 400, times=99)
    given = {"IDENTITY_ENDPOINT": store.proxy.url + MSI, "IDENTITY_HEADER": "header"}
    log = nix.build_fails(weights(store), **given)
    assert "Azure gives this identity no token" in log
    assert "try: az login" in log


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "is not public or not there, and no credentials were found"),
        ({"AZURE_STORAGE_KEY": WRONG_KEY}, "these credentials may not read"),
        ({"AZURE_STORAGE_KEY": "no-base64!"}, "the key of the account mymodels cannot be read"),
        ({"hours": "-1"}, "the SAS for az://mymodels/models/org/tiny/model.safetensors ended at"),
        ({"permissions": "w"}, "AuthorizationPermissionMismatch"),
    ],
)
def test_bad_credentials_are_told_and_never_shown(
    nix: Nix, store: Store, given: dict[str, str], words: str
) -> None:
    if "hours" in given:
        given = {"AZURE_STORAGE_SAS_TOKEN": store.sas("models", hours=-1)}
    elif "permissions" in given:
        given = {"AZURE_STORAGE_SAS_TOKEN": store.sas("models", permissions="w")}
    log = nix.build_fails(weights(store), **given)
    assert words in log
    assert not any(value.rpartition("sig=")[2] in log for value in given.values())
    assert "model.safetensors" not in " ".join(nix.outputs())


def test_thousands_of_blobs_are_all_listed_and_the_tree_is_the_local_one(
    nix: Nix, store: Store, tmp_path: Path
) -> None:
    store.container("many", MANY)
    store.proxy.reset()
    found = azure.resolve(source("many", ""), context(store))
    assert [file.path for file in found.files] == sorted(MANY)
    assert len(store.proxy.gets("marker=")) == 4  # two readings of three pages
    some = {path: content for path, content in MANY.items() if path.startswith("shards/123")}
    for path, content in some.items():
        (tmp_path / "m" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "m" / path).write_bytes(content)
    tree = json.loads(command("prefetch", f"file:{tmp_path}/m", "--tree-hash", "--json").stdout)
    attrs = f"""account = "{ACCOUNT}"; container = "many"; files = [ "shards/123*" ];"""
    model = f"""source.azure = {{ {attrs} }}; hash = "{tree["hash"]}";"""
    nix.build(f"(lib.fetchModel {{ {model} }}).raw", **by_string(store))
    store.proxy.first(lambda seen: "marker=" in seen.path, lambda: store.put("many", "a", b"x"))
    changed = azure.resolve(source("many", ""), context(store))
    assert [file.path for file in changed.files] == ["a", *sorted(MANY)]


def test_a_version_outlives_its_blob(nix: Nix, store: Store, tmp_path: Path) -> None:
    store.container("versioned-models", PREFIXED)
    path = lock(tmp_path, f"az://{ACCOUNT}/versioned-models/org/tiny", **by_string(store))
    files = json.loads(path.read_text())["models"]["model"]["files"]
    assert all(file["pin"].startswith("version:") for file in files.values())
    for key in PREFIXED:
        store.put("versioned-models", key, b"other")
    assert files_at(nix, nix.build(locked(path), **by_string(store))) == MODEL


def test_versions_that_may_not_be_read_are_not_pinned(store: Store) -> None:
    store.container("versioned-hidden", PREFIXED)
    store.proxy.refuse(lambda seen: "versionid=" in seen.path, 403, times=99)
    found = azure.resolve(source("versioned-hidden"), context(store))
    assert all(file.pin.startswith("etag:") for file in found.files)
    assert "may not read old versions" in found.notes[0]


def test_a_snapshot_outlives_its_blob(nix: Nix, store: Store, tmp_path: Path) -> None:
    store.container("kept", PREFIXED)
    time = store.snapshot("kept", WEIGHT_KEY)
    path = lock(tmp_path, f"az://{ACCOUNT}/kept/org/tiny", **by_string(store))
    files = json.loads(path.read_text())["models"]["model"]["files"]
    assert files["model.safetensors"]["pin"] == f"snapshot:{time}"
    assert files["config.json"]["pin"].startswith("etag:")
    store.put("kept", WEIGHT_KEY, b"other")
    assert files_at(nix, nix.build(locked(path), **by_string(store))) == MODEL


def test_a_snapshot_of_something_else_is_not_taken_for_it(store: Store) -> None:
    store.container("outdated", PREFIXED)
    store.snapshot("outdated", WEIGHT_KEY)
    store.put("outdated", WEIGHT_KEY, b"new")
    assert file_of(store, "outdated", "model.safetensors").pin.startswith("etag:")


def test_a_transfer_that_breaks_is_resumed(nix: Nix, store: Store) -> None:
    store.proxy.cut(lambda seen: WEIGHT_KEY in seen.path, after=1 << 20, times=2)
    out = nix.build(weights(store), **by_string(store))
    assert nix.real(out).read_bytes() == WEIGHTS
    seen = store.proxy.gets(WEIGHT_KEY)
    assert [one.headers.get("Range") for one in seen] == [None, "bytes=1048576-", "bytes=2097152-"]
    assert all(one.headers["If-Match"] for one in seen[1:])


def test_a_large_blob_comes_in_parts(store: Store, tmp_path: Path) -> None:
    store.container("parts", {"big.bin": BIG})
    (listed,) = azure.resolve(source("parts", ""), context(store)).files
    store.proxy.cut(lambda seen: "big.bin" in seen.path, after=5 << 20)
    store.proxy.seen.clear()
    file = in_parts(pin=listed.pin)
    azure.download(source("parts", ""), "", file, tmp_path / "out", context(store))
    assert (tmp_path / "out").read_bytes() == BIG
    first, second = (seen.headers["Range"] for seen in store.proxy.gets("big.bin"))
    assert first == f"bytes=0-{len(BIG) - 1}"
    assert second == f"bytes={5 << 20}-{len(BIG) - 1}"
    stale = in_parts(pin="etag:0")
    azure.download(source("parts", ""), "", stale, tmp_path / "again", context(store))
    assert (tmp_path / "again").read_bytes() == BIG


def test_a_blob_replaced_in_mid_transfer_is_not_mixed(store: Store, tmp_path: Path) -> None:
    store.container("mixed", PREFIXED)
    file = file_of(store, "mixed", "model.safetensors")
    store.proxy.cut(lambda seen: WEIGHT_KEY in seen.path, after=1 << 20)
    replace = lambda: store.put("mixed", WEIGHT_KEY, safetensors(2))  # noqa: E731
    store.proxy.first(lambda seen: "Range" in seen.headers, replace)
    with pytest.raises(IntegrityError, match="no longer the object that was pinned"):
        azure.download(source("mixed"), "", file, tmp_path / "out", context(store))
    assert list(tmp_path.iterdir()) == []


def test_a_blob_replaced_between_listing_and_download_is_noticed(
    store: Store, tmp_path: Path
) -> None:
    store.container("moving", PREFIXED)
    file = file_of(store, "moving", "config.json")
    store.put("moving", "org/tiny/config.json", bytes(file.size))
    with pytest.raises(IntegrityError, match="no longer the object that was pinned"):
        azure.download(source("moving"), "", file, tmp_path / "out", context(store))
    assert list(tmp_path.iterdir()) == []


def test_a_blob_replaced_after_locking_is_judged_by_its_content(
    nix: Nix, store: Store, tmp_path: Path
) -> None:
    store.container("replaced", PREFIXED)
    path = lock(tmp_path, f"az://{ACCOUNT}/replaced/org/tiny", **by_string(store))
    store.put("replaced", WEIGHT_KEY, WEIGHTS)  # anew, with the same content
    nix.build(locked(path), **by_string(store))
    other = safetensors(2)
    store.put("replaced", WEIGHT_KEY, other)
    log = Nix(tmp_path / "another").build_fails(locked(path), **by_string(store))
    for word in ("model.safetensors", "az://mymodels/replaced/", sri(WEIGHTS), sri(other)):
        assert word in log
    assert "lock update" in log
    store.delete("replaced", WEIGHT_KEY)
    log = Nix(tmp_path / "third").build_fails(locked(path), **by_string(store))
    assert f"az://mymodels/replaced/{WEIGHT_KEY} does not exist, got HTTP 404 BlobNotFound" in log


def test_a_wrong_hash_is_refused_and_nothing_stays(nix: Nix, store: Store) -> None:
    log = nix.build_fails(weights(store, sri(b"other")), **by_string(store))
    assert sri(b"other") in log
    assert sri(WEIGHTS) in log
    assert "model.safetensors" not in " ".join(nix.outputs())


def test_throttling_is_waited_out_or_told(nix: Nix, store: Store) -> None:
    store.proxy.refuse(lambda _: True, 503, times=2, headers={"Retry-After": "0"})
    nix.build(weights(store), **by_string(store))
    store.proxy.refuse(lambda _: True, 503, times=99, headers={"Retry-After": "0"})
    with pytest.raises(TransferError, match="gave up after 3 attempts"):
        azure.resolve(source(), context(store))


@pytest.mark.parametrize(
    ("attrs", "words"),
    [
        ({"container": "nobody"}, "az://mymodels/nobody/org/tiny/ does not exist"),
        ({"prefix": "org/huge/"}, "az://mymodels/models/org/huge/ has no objects"),
        ({"files": ["*.gguf"]}, "no file that matches"),
    ],
)
def test_what_is_not_there_is_named(store: Store, attrs: dict[str, Any], words: str) -> None:
    with pytest.raises(NotFoundError, match=words):
        azure.resolve(source(**attrs), context(store))


def test_the_directories_of_a_hierarchical_account_are_no_files(store: Store) -> None:
    store.container("folders", PREFIXED)
    store.put("folders", "org/tiny/tokenizer", b"", {"x-ms-meta-hdi_isfolder": "true"})
    found = azure.resolve(source("folders"), context(store))
    assert [file.path for file in found.files] == sorted(MODEL)


def test_a_listing_that_is_none_is_told(store: Store) -> None:
    store.proxy.refuse(lambda seen: "comp=list" in seen.path, 200, body=b"<html>")
    with pytest.raises(TransferError, match=r"the listing of .* cannot be read"):
        azure.resolve(source(), context(store))


def test_the_example_evaluates(nix: Nix) -> None:
    example = f"(import {ROOT}/examples/azure.nix {{ nix-ai-models = lib; }})"
    told = nix.eval(f"[ {example}.name {example}.reference ]")
    assert told == ["llama-2-7b", "az://mymodels/models/llama-2-7b/"]
