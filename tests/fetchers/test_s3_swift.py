"""S3 as a private cloud has it: Swift's s3api, for what moto does more kindly than real stores."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import AuthError, NotFoundError
from common.reference import Source
from fetchers import s3
from fetchers.context import Context, Retries
from tests.fetchers.bucket_model import MODEL, QUIET, WEIGHTS, files_at, lock, locked
from tests.nix import Nix
from tests.servers.moto import REGION, Moto
from tests.servers.proxy import proxied
from tests.servers.swift import swift

PREFIXED = {f"org/tiny/{path}": content for path, content in MODEL.items()}
PART_BYTES = 5 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with swift(tmp_path_factory.mktemp("swift")) as server:
        server.bucket("models", PREFIXED)
        yield server


def environ(server: Moto, **more: str) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL": server.url, "AWS_REGION": REGION, **server.owner, **QUIET, **more}


def context(server: Moto, **more: str) -> Context:
    return Context(environ=environ(server, **more), retries=Retries(2, 0.01), stall=20)


def source(bucket: str = "models", prefix: str = "org/tiny/") -> Source:
    return Source("s3", {"bucket": bucket, "prefix": prefix})


def test_a_private_model_is_locked_built_and_built_again(
    nix: Nix, server: Moto, tmp_path: Path
) -> None:
    path = lock(tmp_path, "s3://models/org/tiny/", **environ(server))
    assert files_at(nix, nix.build(locked(path), **environ(server))) == MODEL
    nix.rebuild(f"""({locked(path)}).files."model.safetensors" """, **environ(server))


def test_a_version_outlives_its_object(nix: Nix, server: Moto, tmp_path: Path) -> None:
    server.bucket("versions", {})
    keep = {"Bucket": "versions", "VersioningConfiguration": {"Status": "Enabled"}}
    server.client().put_bucket_versioning(**keep)
    for key, content in PREFIXED.items():
        server.client().put_object(Bucket="versions", Key=key, Body=content)
    path = lock(tmp_path, "s3://versions/org/tiny", **environ(server))
    assert path.read_text().count('"version:') == len(MODEL)
    for key in PREFIXED:
        server.client().delete_object(Bucket="versions", Key=key)
    assert files_at(nix, nix.build(locked(path), **environ(server))) == MODEL


def test_the_etag_of_an_upload_in_parts_is_no_checksum(server: Moto, tmp_path: Path) -> None:
    client = server.client()
    server.bucket("parts", {})
    ids = {"Bucket": "parts", "Key": "big"}
    ids["UploadId"] = client.create_multipart_upload(**ids)["UploadId"]
    bodies = (bytes(PART_BYTES), b"end")
    parts = []
    for number, body in enumerate(bodies, 1):
        done = client.upload_part(**ids, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": done["ETag"]})
    client.complete_multipart_upload(**ids, MultipartUpload={"Parts": parts})
    (file,) = s3.resolve(source("parts", ""), context(server)).files
    assert (file.sha256, file.size) == (None, PART_BYTES + 3)
    assert file.pin is not None
    assert file.pin.endswith("-2")
    with proxied(server.url) as proxy:
        proxy.cut(lambda seen: seen.method == "GET", after=1 << 20)
        asked = context(server, AWS_ENDPOINT_URL=proxy.url)
        s3.download(source("parts", ""), "", file, tmp_path / "out", asked)
        assert proxy.seen[-1].headers["Range"] == "bytes=1048576-"
    assert (tmp_path / "out").read_bytes() == b"".join(bodies)


def test_one_object_by_its_whole_key(server: Moto, tmp_path: Path) -> None:
    one = source(prefix="org/tiny/model.safetensors")
    (file,) = s3.resolve(one, context(server)).files
    s3.download(one, "", file, tmp_path / "out", context(server))
    assert (tmp_path / "out").read_bytes() == WEIGHTS


def test_refusals_and_absence_are_told(server: Moto) -> None:
    with pytest.raises(AuthError, match="SignatureDoesNotMatch"):
        s3.resolve(source(), context(server, AWS_SECRET_ACCESS_KEY="wrong-secret-key"))
    with pytest.raises(AuthError, match="refuses these credentials"):
        s3.resolve(source(), context(server, AWS_ACCESS_KEY_ID="test:nobody"))
    with pytest.raises(NotFoundError, match="s3://nobody/org/tiny/ does not exist"):
        s3.resolve(source("nobody"), context(server))
