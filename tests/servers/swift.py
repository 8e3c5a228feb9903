"""OpenStack Swift, whose s3api is the S3 of private clouds: a proxy, three storage servers."""

import getpass
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.servers.base import HOST, free_port, need_python, running
from tests.servers.moto import Moto

KINDS = ("account", "container", "object")
OWNER = {"AWS_ACCESS_KEY_ID": "test:owner", "AWS_SECRET_ACCESS_KEY": "owners-secret-key"}
STRANGER = {"AWS_ACCESS_KEY_ID": "other:stranger", "AWS_SECRET_ACCESS_KEY": "strangers-key"}
_PIPELINE = (
    "catch_errors gatekeeper healthcheck cache listing_formats s3api tempauth copy slo dlo "
    "versioned_writes symlink proxy-server"
)


@contextmanager
def swift(folder: Path) -> Iterator[Moto]:
    """Run Swift until the block ends."""
    bin_ = need_python("swift")
    _need_attributes(folder)
    ports = {kind: free_port() for kind in (*KINDS, "proxy")}
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = test\n")
    (folder / "devices" / "d1").mkdir(parents=True)
    with ExitStack() as stack:
        for kind in KINDS:
            _ring(bin_, folder, kind, ports[kind])
            text = (
                _common(folder, ports[kind]) + f"devices = {folder}/devices\nmount_check = false\n"
            )
            pipe = f"[pipeline:main]\npipeline = {kind}-server\n"
            text += f"{pipe}[app:{kind}-server]\nuse = egg:swift#{kind}\n"
            stack.enter_context(_server(bin_, folder, kind, text, ports[kind]))
        text = _common(folder, ports["proxy"]) + _proxy()
        stack.enter_context(_server(bin_, folder, "proxy", text, ports["proxy"]))
        yield Moto(f"http://{HOST}:{ports['proxy']}", OWNER, STRANGER)


def _need_attributes(folder: Path) -> None:
    """Skip where files cannot have extended attributes, in which Swift keeps its metadata."""
    probe = folder / "probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.swift.metadata", b"x")
    except OSError as error:
        pytest.skip(f"Swift needs extended attributes, and {folder} has none: {error.strerror}")


def _ring(bin_: Path, folder: Path, kind: str, port: int) -> None:
    builder = folder / f"{kind}.builder"
    for words in (
        ("create", "2", "1", "0"),
        ("add", f"r1z1-{HOST}:{port}/d1", "1"),
        ("rebalance",),
    ):
        program = bin_ / "swift-ring-builder"
        subprocess.run([program, builder, *words], check=True, capture_output=True, timeout=60)


def _common(folder: Path, port: int) -> str:
    return (
        f"[DEFAULT]\nbind_ip = {HOST}\nbind_port = {port}\nswift_dir = {folder}\n"
        f"user = {getpass.getuser()}\nworkers = 0\nlog_name = swift\nlog_level = WARNING\n"
    )


def _proxy() -> str:
    filters = "".join(
        f"[filter:{name}]\nuse = egg:swift#{name}\n"
        for name in _PIPELINE.split()
        if name not in ("cache", "tempauth", "s3api", "proxy-server", "versioned_writes")
    )
    return f"""[pipeline:main]
pipeline = {_PIPELINE}
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:cache]
use = egg:swift#memcache
[filter:s3api]
use = egg:swift#s3api
location = eu-central-1
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_owner = owners-secret-key .admin
user_other_stranger = strangers-key
{filters}"""


@contextmanager
def _server(bin_: Path, folder: Path, kind: str, text: str, port: int) -> Iterator[None]:
    config = folder / f"{kind}.conf"
    config.write_text(text)
    command = [bin_ / f"swift-{kind}-server", config]
    with running(command, f"http://{HOST}:{port}/healthcheck", folder / f"{kind}.log"):
        yield
