"""Models in S3: moto with signatures and permissions checked, through real sandboxed builds."""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from common.digest import fixed_output_path
from common.errors import AuthError, IntegrityError, NotFoundError, TransferError, UsageError
from common.reference import Source
from fetchers import s3
from fetchers.base import Snapshot
from fetchers.context import Context, Retries
from fetchers.s3_client import connect
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
from tests.servers.moto import REGION, ROLE, Moto, moto
from tests.servers.proxy import Proxy, proxied

PREFIXED = {f"org/tiny/{path}": content for path, content in MODEL.items()}
PLACEHOLDERS = {"org/tiny/": b"", "org/tiny/tokenizer/": b"", "org/tiny-chat/config.json": b"{}"}
TINY = "s3://models/org/tiny/"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with moto(
        tmp_path_factory.mktemp("moto"), many={"many": len(MANY), "restless": 1003}
    ) as server:
        server.bucket("models", PREFIXED | PLACEHOLDERS)
        yield server


@pytest.fixture
def proxy(server: Moto) -> Iterator[Proxy]:
    with proxied(server.url) as proxy:
        yield proxy


def environ(server: Moto, url: str = "", **more: str) -> dict[str, str]:
    """Give the variables of a build or of the command, as the owner."""
    return {"AWS_ENDPOINT_URL": url or server.url, **server.owner, **QUIET, **more}


def context(server: Moto, url: str = "", **more: str) -> Context:
    return Context(environ=environ(server, url, **more), retries=Retries(2, 0.01), stall=5)


def source(bucket: str = "models", prefix: str = "org/tiny/", **attrs: Any) -> Source:
    return Source("s3", {"bucket": bucket, "prefix": prefix, **attrs})


def weights(hash_: str = sri(WEIGHTS), attrs: str = "") -> str:
    """Give the expression of the derivation of the large file alone."""
    return f"""(lib.fetchModel {{
      source.s3 = {{ bucket = "models"; prefix = "org/tiny/"; {attrs} }};
      fileHashes."model.safetensors" = "{hash_}"; {IMPATIENT}
    }}).files."model.safetensors" """


def of(snapshot: Snapshot, path: str) -> Any:
    return next(file for file in snapshot.files if file.path == path)


def test_a_private_model_is_locked_built_and_built_again(
    nix: Nix, server: Moto, tmp_path: Path
) -> None:
    path = lock(tmp_path, TINY, **environ(server))
    out = nix.build(locked(path), **environ(server))
    assert files_at(nix, out) == MODEL
    assert not (nix.real(out) / "chat").exists()
    nix.rebuild(f"""({locked(path)}).files."model.safetensors" """, **environ(server))
    nix.rebuild(locked(path), **environ(server))
    assert not any(value in path.read_text() for value in server.owner.values())


def test_a_public_bucket_needs_no_credentials(nix: Nix, tmp_path: Path) -> None:
    with moto(tmp_path, checked=False) as public:
        public.bucket("models", PREFIXED, acl="public-read")
        quiet = {"AWS_ENDPOINT_URL": public.url, **QUIET}
        path = lock(tmp_path, TINY, **quiet)
        assert files_at(nix, nix.build(locked(path), **quiet)) == MODEL
        with proxied(public.url) as proxy:
            forced = {**environ(public, proxy.url), "AWS_SECRET_ACCESS_KEY": "wrong"}
            s3.resolve(source(anonymous=True), Context(environ=forced))
        assert not any("Authorization" in seen.headers for seen in proxy.seen)


def test_thousands_of_objects_are_all_listed_and_the_tree_is_the_local_one(
    nix: Nix, server: Moto, tmp_path: Path
) -> None:
    assert [file.path for file in s3.resolve(source("many", ""), context(server)).files] == sorted(
        MANY
    )
    some = {path: content for path, content in MANY.items() if path.startswith("shards/123")}
    for path, content in some.items():
        (tmp_path / "m" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "m" / path).write_bytes(content)
    attrs = """source.s3 = { bucket = "many"; files = [ "shards/123*" ]; }"""
    wrong = nix.build_fails(
        f"(lib.fetchModel {{ {attrs}; hash = lib.fakeHash; }}).raw", **environ(server)
    )
    tree = json.loads(command("prefetch", f"file:{tmp_path}/m", "--tree-hash", "--json").stdout)
    assert tree["hash"] in wrong
    nix.build(
        f"""(lib.fetchModel {{ {attrs}; hash = "{tree["hash"]}"; }}).raw""", **environ(server)
    )


def test_a_large_file_has_the_store_path_that_every_source_gives_it(nix: Nix, server: Moto) -> None:
    out = nix.build(weights(), **environ(server))
    assert out == fixed_output_path("model.safetensors", sha256(WEIGHTS).hexdigest())
    assert nix.real(out).read_bytes() == WEIGHTS


@pytest.mark.parametrize("prefix", ["org/tiny", "org/tiny/"])
def test_a_prefix_is_a_directory_with_or_without_a_slash(server: Moto, prefix: str) -> None:
    found = s3.resolve(source(prefix=prefix), context(server))
    assert [file.path for file in found.files] == sorted(MODEL)


def test_a_prefix_may_be_one_object(server: Moto, tmp_path: Path) -> None:
    one = source(prefix="org/tiny/model.safetensors")
    (file,) = s3.resolve(one, context(server)).files
    assert file.path == "model.safetensors"
    s3.download(one, "", file, tmp_path / "out", context(server))
    assert (tmp_path / "out").read_bytes() == WEIGHTS


def test_a_checksum_is_trusted_only_when_it_is_of_the_whole_object(server: Moto) -> None:
    client = server.client()
    server.bucket("sums", {})
    client.put_object(Bucket="sums", Key="whole", Body=b"whole", ChecksumAlgorithm="SHA256")
    upload = client.create_multipart_upload(Bucket="sums", Key="parts", ChecksumAlgorithm="SHA256")
    ids = {"Bucket": "sums", "Key": "parts", "UploadId": upload["UploadId"]}
    parts = []
    for number, body in ((1, bytes(5 << 20)), (2, b"end")):
        done = client.upload_part(**ids, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
        keep = ("ETag", "ChecksumSHA256")
        parts.append({"PartNumber": number} | {key: done[key] for key in keep if key in done})
    client.complete_multipart_upload(**ids, MultipartUpload={"Parts": parts})
    found = s3.resolve(source("sums", ""), context(server))
    assert of(found, "whole").sha256 == sha256(b"whole").hexdigest()
    assert of(found, "parts").sha256 is None
    assert of(found, "parts").pin.endswith("-2")


def test_a_version_outlives_its_object(nix: Nix, server: Moto, tmp_path: Path) -> None:
    server.bucket("versions", PREFIXED, versioned=True)
    path = lock(tmp_path, "s3://versions/org/tiny", **environ(server))
    assert all(file["pin"].startswith("version:") for file in files_of(path).values())
    for key in PREFIXED:
        server.client().put_object(Bucket="versions", Key=key, Body=b"other")
    server.client().delete_object(Bucket="versions", Key="org/tiny/config.json")
    assert files_at(nix, nix.build(locked(path), **environ(server))) == MODEL


def test_versions_that_may_not_be_read_are_not_pinned(server: Moto, proxy: Proxy) -> None:
    server.bucket("hidden", PREFIXED, versioned=True)
    proxy.refuse(lambda seen: "versionId" in seen.path, 403, times=99)
    found = s3.resolve(source("hidden"), context(server, proxy.url))
    assert all(file.pin.startswith("etag:") for file in found.files)
    assert "s3:GetObjectVersion" in found.notes[0]


def files_of(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())["models"]["model"]["files"]


def test_an_object_stored_anew_with_the_same_content_still_builds(
    nix: Nix, server: Moto, tmp_path: Path
) -> None:
    server.bucket("anew", PREFIXED)
    path = lock(tmp_path, "s3://anew/org/tiny", **environ(server))
    text = path.read_text()
    path.write_text(text.replace('"etag:', '"etag:0'))
    assert files_at(nix, nix.build(locked(path), **environ(server))) == MODEL


def test_an_object_replaced_after_locking_is_told_by_file_and_hashes(
    nix: Nix, server: Moto, tmp_path: Path
) -> None:
    server.bucket("replaced", PREFIXED)
    path = lock(tmp_path, "s3://replaced/org/tiny", **environ(server))
    other = safetensors(2)
    server.client().put_object(Bucket="replaced", Key="org/tiny/model.safetensors", Body=other)
    log = nix.build_fails(locked(path), **environ(server))
    for word in ("model.safetensors", "s3://replaced/", sri(WEIGHTS), sri(other), "lock update"):
        assert word in log
    assert "model.safetensors" not in " ".join(nix.outputs())
    diff = command("lock", "diff", "--lock-file", path, **environ(server))
    assert "model.safetensors" in diff.stdout


def test_lock_update_downloads_only_what_was_replaced(
    server: Moto, proxy: Proxy, tmp_path: Path
) -> None:
    server.bucket("updated", PREFIXED)
    given = environ(server, proxy.url)
    path = lock(tmp_path, "s3://updated/org/tiny", **given)
    before = files_of(path)
    key = "org/tiny/tokenizer/deep/er/tokenizer.json"
    server.client().put_object(Bucket="updated", Key=key, Body=b"{ }")
    proxy.reset()
    done = command("lock", "update", "--lock-file", path, **given)
    assert done.returncode == 0, done.stderr
    assert "tokenizer.json" in done.stdout
    assert proxy.gets("tokenizer.json")
    assert not proxy.gets("model.safetensors")
    changed = {name for name, file in files_of(path).items() if file != before[name]}
    assert changed == {"tokenizer/deep/er/tokenizer.json"}
    proxy.reset()
    command("lock", "update", "--lock-file", path, **given)
    assert not proxy.gets("/org/")  # a listing, and nothing else


def test_an_object_replaced_between_listing_and_download_is_noticed(
    server: Moto, tmp_path: Path
) -> None:
    server.bucket("moving", PREFIXED)
    where = source("moving")
    file = of(s3.resolve(where, context(server)), "config.json")
    server.client().put_object(
        Bucket="moving", Key="org/tiny/config.json", Body=MODEL["config.json"]
    )
    s3.download(where, "", file, tmp_path / "out", context(server))
    server.client().put_object(Bucket="moving", Key="org/tiny/config.json", Body=bytes(file.size))
    with pytest.raises(IntegrityError, match="no longer the object that was pinned"):
        s3.download(where, "", file, tmp_path / "other", context(server))
    assert not (tmp_path / "other").exists()


def test_a_transfer_that_breaks_is_resumed(nix: Nix, server: Moto, proxy: Proxy) -> None:
    proxy.cut(lambda seen: seen.method == "GET", after=1 << 20, times=2)
    out = nix.build(weights(), **environ(server, proxy.url))
    assert nix.real(out).read_bytes() == WEIGHTS
    asked = [seen.headers.get("Range") for seen in proxy.gets("model.safetensors")]
    assert asked == [None, "bytes=1048576-", "bytes=2097152-"]
    assert all(seen.headers["If-Match"] for seen in proxy.gets("model.safetensors")[1:])


def test_a_large_object_comes_in_parts(server: Moto, proxy: Proxy, tmp_path: Path) -> None:
    server.bucket("parts", {"big.bin": BIG})
    (listed,) = s3.resolve(source("parts", ""), context(server)).files
    proxy.cut(lambda seen: "big.bin" in seen.path, after=5 << 20)
    file = in_parts(pin=listed.pin)
    s3.download(source("parts", ""), "", file, tmp_path / "out", context(server, proxy.url))
    assert (tmp_path / "out").read_bytes() == BIG
    first, second = (seen.headers["Range"] for seen in proxy.gets("big.bin"))
    assert first == f"bytes=0-{len(BIG) - 1}"
    assert second == f"bytes={5 << 20}-{len(BIG) - 1}"
    stale = in_parts(pin="etag:0")
    s3.download(source("parts", ""), "", stale, tmp_path / "again", context(server))
    assert (tmp_path / "again").read_bytes() == BIG


def test_an_object_replaced_in_mid_transfer_is_not_mixed(
    server: Moto, proxy: Proxy, tmp_path: Path
) -> None:
    server.bucket("mixed", PREFIXED)
    where, key = source("mixed"), "org/tiny/model.safetensors"
    put = lambda: server.client().put_object(Bucket="mixed", Key=key, Body=safetensors(2))  # noqa: E731
    file = of(s3.resolve(where, context(server)), "model.safetensors")
    proxy.cut(lambda seen: key in seen.path, after=1 << 20)
    proxy.first(lambda seen: "Range" in seen.headers, put)
    with pytest.raises(IntegrityError, match="no longer the object"):
        s3.download(where, "", file, tmp_path / "out", context(server, proxy.url))
    assert list(tmp_path.iterdir()) == []


def test_throttling_is_waited_out_or_told(nix: Nix, server: Moto, proxy: Proxy) -> None:
    proxy.refuse(lambda _: True, 503, times=2, headers={"Retry-After": "0"}, body=SLOW)
    nix.build(weights(), **environ(server, proxy.url))
    proxy.refuse(lambda _: True, 503, times=99, headers={"Retry-After": "0"}, body=SLOW)
    with pytest.raises(TransferError, match="gave up after 3 attempts, got HTTP 503 SlowDown"):
        s3.resolve(source(), context(server, proxy.url))


SLOW = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"


def test_a_listing_that_changes_between_pages_is_read_again(server: Moto, proxy: Proxy) -> None:
    early = lambda: server.client().put_object(Bucket="restless", Key="a", Body=b"x")  # noqa: E731
    proxy.first(lambda seen: "continuation-token" in seen.path, early)
    found = s3.resolve(source("restless", ""), context(server, proxy.url))
    assert "a" in [file.path for file in found.files]
    assert len(found.files) == 1004


def test_a_wrong_hash_is_refused_and_nothing_stays(nix: Nix, server: Moto) -> None:
    log = nix.build_fails(weights(sri(b"other")), **environ(server))
    assert sri(b"other") in log
    assert sri(WEIGHTS) in log
    assert "model.safetensors" not in " ".join(nix.outputs())


@pytest.mark.parametrize(
    ("attrs", "error", "words"),
    [
        ({"bucket": "nobody"}, NotFoundError, "NoSuchBucket"),
        ({"prefix": "org/huge/"}, NotFoundError, "s3://models/org/huge/ has no objects"),
        ({"files": ["*.gguf"]}, NotFoundError, "no file that matches"),
        ({"profile": "nobody"}, AuthError, "nobody"),
        ({"bucket": "!"}, UsageError, "bucket"),
    ],
)
def test_what_is_not_there_is_named(
    server: Moto, attrs: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        s3.resolve(source(**attrs), context(server))


def test_an_object_that_went_away_is_named(nix: Nix, server: Moto, tmp_path: Path) -> None:
    server.bucket("gone", PREFIXED)
    path = lock(tmp_path, "s3://gone/org/tiny", **environ(server))
    server.client().delete_object(Bucket="gone", Key="org/tiny/model.safetensors")
    log = nix.build_fails(locked(path), **environ(server))
    assert "s3://gone/org/tiny/model.safetensors does not exist, got HTTP 404 NoSuchKey" in log


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong-secret-key"}, "SignatureDoesNotMatch"),
        ({"AWS_ACCESS_KEY_ID": "AKIANOBODY"}, "InvalidAccessKeyId"),
        ({"stranger": ""}, "these credentials may not read"),
    ],
)
def test_bad_credentials_are_told_and_never_shown(
    nix: Nix, server: Moto, change: dict[str, str], words: str
) -> None:
    given = environ(server) | (server.stranger if "stranger" in change else change)
    log = nix.build_fails(weights(), **given)
    assert words in log
    assert given["AWS_SECRET_ACCESS_KEY"] not in log
    assert "try: " in log


def test_no_credentials_are_told(server: Moto, proxy: Proxy) -> None:
    # moto answers unsigned requests for private buckets with 500; Amazon with this.
    proxy.refuse(lambda seen: "Authorization" not in seen.headers, 403, times=9)
    bare = Context(environ={"AWS_ENDPOINT_URL": proxy.url, **QUIET, "HOME": "/homeless"})
    with pytest.raises(AuthError, match="not public, and no credentials were found"):
        s3.resolve(source(), bare)


def test_a_role_and_its_session_token_are_used(
    nix: Nix, server: Moto, proxy: Proxy, tmp_path: Path
) -> None:
    nix.build(weights(attrs=f'role = "{ROLE}";'), **environ(server, proxy.url))
    assert all("X-Amz-Security-Token" in seen.headers for seen in proxy.gets("model.safetensors"))
    sts = server.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="test")["Credentials"]
    session = {
        "AWS_ACCESS_KEY_ID": sts["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": sts["SecretAccessKey"],
        "AWS_SESSION_TOKEN": sts["SessionToken"],
    }
    s3.resolve(source(), context(server, **session))
    with pytest.raises(AuthError):
        s3.resolve(source(), context(server, **session | {"AWS_SESSION_TOKEN": "another-token"}))


def test_a_role_that_cannot_be_assumed_is_told(server: Moto, proxy: Proxy) -> None:
    where = source(role=ROLE)
    with pytest.raises(AuthError, match=f"may not read s3://models as {ROLE}"):
        s3.resolve(where, context(server, **server.stranger))
    proxy.refuse(lambda seen: seen.method == "POST", 503, times=99, body=SLOW)
    asked = context(server, AWS_ENDPOINT_URL_STS=proxy.url)
    with pytest.raises(TransferError, match=f"s3://models as {ROLE}: gave up after 3 attempts"):
        s3.resolve(where, asked)


def test_a_profile_gives_keys_region_and_endpoint(server: Moto, tmp_path: Path) -> None:
    keys = "".join(f"{name.lower()} = {value}\n" for name, value in server.owner.items())
    (tmp_path / "config").write_text(
        f"[profile lab]\nregion = {REGION}\nendpoint_url = {server.url}\n"
    )
    (tmp_path / "credentials").write_text(f"[lab]\n{keys}")
    files = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }
    for attrs, more in (({"profile": "lab"}, {}), ({}, {"AWS_PROFILE": "lab"})):
        asked = Context(environ={**files, **more, **QUIET})
        assert len(s3.resolve(source(**attrs), asked).files) == len(MODEL)
        assert connect(source(**attrs).attrs, asked).client.meta.region_name == REGION


@pytest.mark.parametrize(
    ("attrs", "address"),
    [
        ({}, "https://models.s3.amazonaws.com/k"),
        ({"region": "eu-west-1"}, "https://models.s3.eu-west-1.amazonaws.com/k"),
        (
            {"addressing": "path", "region": "eu-west-1"},
            "https://s3.eu-west-1.amazonaws.com/models/k",
        ),
        ({"endpoint": "https://minio.test"}, "https://minio.test/models/k"),
        ({"endpoint": "https://r2.test", "addressing": "virtual"}, "https://models.r2.test/k"),
    ],
)
def test_the_address_of_an_object(attrs: dict[str, str], address: str) -> None:
    store = connect({"anonymous": True, **attrs}, Context(environ=dict(QUIET)))

    def stop(request: Any, **_: Any) -> None:
        raise Sent(request.url)

    store.client.meta.events.register("before-send.s3", stop)
    with pytest.raises(Sent, match=f"^{re.escape(address)}$"):
        store.client.get_object(Bucket="models", Key="k")


class Sent(Exception):  # noqa: N818 - nothing failed
    """The address of a request that was not sent."""


def test_requester_pays_is_said_with_every_request(
    server: Moto, proxy: Proxy, tmp_path: Path
) -> None:
    where = source(requesterPays=True)
    file = of(s3.resolve(where, context(server, proxy.url)), "config.json")
    s3.download(where, "", file, tmp_path / "out", context(server, proxy.url))
    assert len(proxy.seen) >= 3
    assert all(seen.headers.get("x-amz-request-payer") == "requester" for seen in proxy.seen)


def test_the_example_evaluates(nix: Nix) -> None:
    example = f"(import {ROOT}/examples/s3.nix {{ nix-ai-models = lib; }})"
    assert nix.eval(f"[ {example}.name {example}.source.s3.bucket ]") == ["llama-2-7b", "my-models"]
