"""S3 and S3-compatible stores: the objects below a prefix, pinned by VersionId or ETag.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

import base64
import binascii
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from common.errors import AuthError, ModelError
from common.files import RemoteFile
from common.reference import Source, show_reference
from fetchers.base import Digests, Snapshot
from fetchers.context import Context
from fetchers.objects import (
    Listed,
    Moved,
    PinnedOpener,
    choose,
    key_of,
    list_below,
    split_pin,
    steady,
    to_files,
)
from fetchers.opened import Opened
from fetchers.retry import Interrupted
from fetchers.s3_client import Store, connect
from fetchers.transfer import receive

HEADS_AT_ONCE = 8
READ_BYTES = 1 << 18
SHA256_BYTES = 32
_NO_VERSION = (None, "null")  # "null" is what an object from before versioning has
_NOT_THE_VERSION = (
    "these credentials may not read old versions (s3:GetObjectVersion), so objects are pinned by "
    "ETag: once overwritten, they are gone"
)


def resolve(source: Source, context: Context) -> Snapshot:
    """List the objects below the prefix, and ask which versions they are.

    Raises:
        NotFoundError, AuthError, TransferError, UsageError.
    """
    store, attrs, name = connect(source.attrs, context), source.attrs, show_reference(source)
    payer = _payer(attrs)

    def pages(prefix: str) -> Iterator[list[Listed]]:
        more: dict[str, str] = {}
        while True:
            page = store.call(
                *("list_objects_v2", name, context),
                **{"Bucket": attrs["bucket"], "Prefix": prefix, **payer, **more},
            )
            yield [_listed(entry) for entry in page.get("Contents", ())]
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    listed = list_below(attrs.get("prefix", ""), lambda prefix: steady(name, lambda: pages(prefix)))
    chosen, notes = _describe(source, choose(source, listed), store, context)
    return Snapshot(source, "", to_files(chosen), notes)


def _payer(attrs: Any) -> dict[str, str]:
    return {"RequestPayer": "requester"} if attrs.get("requesterPays") else {}


def _listed(entry: dict[str, Any]) -> Listed:
    # "SHA256" only marks that a checksum may be asked for; see `_describe`.
    marked = "asked" if "SHA256" in entry.get("ChecksumAlgorithm", ()) else None
    return Listed(entry["Key"], entry["Size"], f"etag:{_bare(entry['ETag'])}", marked)


def _bare(etag: str) -> str:
    return etag.strip('"')


def _describe(
    source: Source, chosen: dict[str, Listed], store: Store, context: Context
) -> tuple[dict[str, Listed], tuple[str, ...]]:
    """Add versions and checksums, which no listing has: a request for each object that has one.

    The first object tells whether the bucket keeps versions at all.
    """
    paths = list(chosen)
    first = _head(source, chosen[paths[0]], store, context)
    versioned = first.get("VersionId") is not None
    notes: tuple[str, ...] = ()
    if versioned and not _may_read_versions(source, chosen[paths[0]], first, store, context):
        notes, versioned = (_NOT_THE_VERSION,), False

    def described(path: str) -> Listed:
        if not versioned and chosen[path].sha256 is None:
            return chosen[path]
        head = _head(source, chosen[path], store, context)
        return _from_head(chosen[path].key, head, versioned=versioned)

    with ThreadPoolExecutor(HEADS_AT_ONCE) as pool:
        return dict(zip(paths, pool.map(described, paths), strict=True)), notes


def _head(
    source: Source, entry: Listed, store: Store, context: Context, **version: str
) -> dict[str, Any]:
    bucket = source.attrs["bucket"]
    answer: dict[str, Any] = store.call(
        *("head_object", f"s3://{bucket}/{entry.key}", context),
        **{"Bucket": bucket, "Key": entry.key, **_payer(source.attrs), **version},
        ChecksumMode="ENABLED",
    )
    return answer


def _may_read_versions(
    source: Source, entry: Listed, head: dict[str, Any], store: Store, context: Context
) -> bool:
    try:
        _head(source, entry, store, context, VersionId=head["VersionId"])
    except AuthError:
        return False
    return True


def _from_head(key: str, head: dict[str, Any], *, versioned: bool) -> Listed:
    version, etag = head.get("VersionId"), _bare(head["ETag"])
    pin = f"version:{version}" if versioned and version not in _NO_VERSION else f"etag:{etag}"
    return Listed(key, head["ContentLength"], pin, _whole_sha256(head))


def _whole_sha256(head: dict[str, Any]) -> str | None:
    """Give the sha256 of the content, hex, if the store has it.

    The checksum of an object uploaded in parts is one of the parts' checksums, as is its ETag;
    both show it by a number of parts at their end.
    """
    checksum = head.get("ChecksumSHA256") or ""
    if "-" in checksum or "-" in head["ETag"] or head.get("ChecksumType") == "COMPOSITE":
        return None
    try:
        digest = base64.b64decode(checksum, validate=True)
    except binascii.Error:
        return None
    return digest.hex() if len(digest) == SHA256_BYTES else None


def download(
    source: Source,
    revision: str,  # noqa: ARG001 - each object has its own
    file: RemoteFile,
    target: Path,
    context: Context,
) -> Digests:
    """Fetch one object; see `fetchers.base.Fetcher`."""
    attrs = source.attrs
    store = connect(attrs, context)
    key = key_of(attrs.get("prefix", ""), file.path)
    origin = f"s3://{attrs['bucket']}/{key}"
    parameters = {"Bucket": attrs["bucket"], "Key": key, **_payer(attrs)}
    kind, value = split_pin(file.pin)
    pinned = {"version": {"VersionId": value}, "etag": {"IfMatch": f'"{value}"'}}.get(kind, {})
    opener = PinnedOpener(
        file,
        _Object(store, origin, file.pin, {**parameters, **pinned}),
        _Object(store, origin, file.pin, parameters),
    )
    return receive(file, target, opener, context, origin=origin)


class _Object:
    """Opens an object at an offset, or a part of it; see `fetchers.opened.Ranged`."""

    def __init__(
        self, store: Store, origin: str, pin: str | None, parameters: dict[str, Any]
    ) -> None:
        self._store, self._origin, self._pin = store, origin, pin
        self._parameters = parameters

    def __call__(self, offset: int, validator: str | None) -> Opened:
        condition = {"IfMatch": validator} if offset and validator else {}
        return self._get(condition | ({"Range": f"bytes={offset}-"} if offset else {}))

    def between(self, start: int, end: int) -> Opened:
        return self._get({"Range": f"bytes={start}-{end - 1}"})

    def _get(self, more: dict[str, str]) -> Opened:
        try:
            answer = self._store.once("get_object", self._origin, **self._parameters | more)
        except ModelError as error:
            lost = "VersionId" in self._parameters and "NoSuchVersion" in str(error.got)
            if lost or isinstance(error, Moved):
                raise Moved(self._origin, self._pin, str(error.got)) from error
            raise
        return _opened(answer)


def _opened(answer: dict[str, Any]) -> Opened:
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - see s3_client
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    body, extent = answer["Body"], answer.get("ContentRange", "")
    offset, total = 0, answer["ContentLength"]
    if extent:
        first, _, rest = extent.removeprefix("bytes ").partition("-")
        offset, total = int(first), int(rest.rpartition("/")[2])

    def read(count: int) -> bytes:
        try:
            # What a broken connection gave of the last read is lost, so reads are small.
            data: bytes = body.read(min(count, READ_BYTES))
        except (BotoCoreError, HTTPError, OSError) as error:
            raise Interrupted(f"the connection broke ({type(error).__name__})") from error
        return data

    return Opened(offset, total, answer.get("ETag"), read, body.close)
