"""Addresses: through real builds against nginx."""

import hashlib
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from common.digest import to_sri
from common.errors import AuthError, IntegrityError, NotFoundError, TransferError, UsageError
from common.files import RemoteFile
from common.reference import Source
from fetchers import url
from fetchers.context import Context, Retries
from tests.fetchers.conftest import Command, content
from tests.nix import Nix
from tests.servers import nginx, sample
from tests.servers.base import HOST, ROOT, free_port

QUICK = Retries(times=1, delay=0.01)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[nginx.Nginx]:
    root = tmp_path_factory.mktemp("nginx")
    (root / "files").mkdir()
    sample.write(root / "files")
    with nginx.serving(root, root / "files") as running:
        yield running


@pytest.fixture
def context() -> Context:
    return Context(environ={}, retries=QUICK, stall=5.0)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def sources(server: nginx.Nginx, mood: str = "plain", **more: Any) -> dict[str, Any]:
    """The sample, every file with its hash, names and all."""
    urls = [
        {
            "url": f"{server.url}/{mood}/{quote(path)}",
            "sha256": to_sri(sha256(content)),
            "name": path,
        }
        for path, content in sample.FILES.items()
    ]
    return {"url": {"urls": urls, **more}}


def one(server: nginx.Nginx, path: str, **more: Any) -> Source:
    return Source("url", {"urls": [{"url": f"{server.url}/{path}", **more}]})


def test_as_the_specification_writes_it(nix: Nix, server: nginx.Nginx) -> None:
    """Section 3.4 needs no other hash, and the whole way gives the model and its metadata."""
    out = nix.build(f"""lib.fetchModel {{
      name = "tiny";
      source = "url";
      urls = [
        {{ url = "{server.url}/plain/model.safetensors"; sha256 = "{sha256(sample.WEIGHTS)}"; }}
        {{ url = "{server.url}/plain/config.json";
           sha256 = "{to_sri(sha256(sample.FILES["config.json"]))}"; }}
        {{ url = "{server.url}/plain/notes%20%231.txt";
           sha256 = "{sha256(sample.FILES["notes #1.txt"])}"; }}
      ];
    }}""")
    for path in ("model.safetensors", "config.json", "notes #1.txt"):
        assert content(nix, f"{out}/{path}") == sample.FILES[path], path


def test_every_name_and_the_same_paths_from_every_pin(
    nix: Nix, server: nginx.Nginx, command: Command, to_nix: Any
) -> None:
    source = sources(server)
    whole = f'(lib.fetchModel {{ name = "m"; source = {to_nix(source)}; hash = "{{}}"; }}).raw'
    whole = whole.replace("{}", command.tree_hash(source))
    tree = nix.build(whole)
    assert sample.read(nix.real(tree)) == dict(sample.FILES)
    nix.build(whole, "--check")
    locked = command.lock(source)
    weights = f'{locked}.files."model.safetensors"'
    inline = f'(lib.fetchModel {{ source = {to_nix(source)}; }}).files."model.safetensors"'
    assert nix.build(weights) == nix.build(inline)
    nix.rebuild(weights)
    nix.rebuild(f"builtins.head (builtins.attrValues {locked}.files)")


def test_a_bare_address_is_locked_by_content(
    nix: Nix, server: nginx.Nginx, command: Command, tmp_path: Path
) -> None:
    moved = server.files / "moving.txt"
    moved.write_bytes(b"one\n")
    locked = command.lock(f"{server.url}/plain/moving.txt")
    before = command.entry()
    assert before["files"]["moving.txt"]["size"] == 4
    pinned = before["files"]["moving.txt"]["sha256"]
    for content_now, told in ((b"two\n", f"its sha256 should be {pinned}"), (b"longer\n", pinned)):
        moved.write_bytes(content_now)
        log = nix.build_fails(locked)
        assert "moving.txt" in log
        assert f"from {server.url}/plain/moving.txt is not what was pinned" in log
        assert told in log
        assert "nix-ai-model lock update" in log
    moved.write_bytes(b"three\n")
    assert "moving.txt (4 B -> 6 B)" in command.ok("lock", "diff").stdout
    command.ok("lock", "update")
    assert command.entry()["files"]["moving.txt"]["size"] == 6
    assert content(nix, nix.build(locked) + "/moving.txt") == b"three\n"


def test_a_changed_file_is_told_with_both_hashes_and_the_command(
    nix: Nix, server: nginx.Nginx
) -> None:
    wrong = to_sri(sha256(b"what was there before"))
    log = nix.build_fails(f"""(lib.fetchModel {{
      source.url.urls = [ {{ url = "{server.url}/plain/config.json"; sha256 = "{wrong}"; }} ];
    }}).files."config.json" """)
    assert f"config.json from {server.url}/plain/config.json is not what was pinned" in log
    assert wrong in log
    assert to_sri(sha256(sample.FILES["config.json"])) in log
    assert "nix-ai-model lock update" in log
    assert not [name for name in nix.outputs() if name.endswith("config.json")]


def test_private_models_need_their_credentials(
    nix: Nix, server: nginx.Nginx, tmp_path: Path, to_nix: Any
) -> None:
    call = '(lib.fetchModel {{ source = {}; }}).files."model.safetensors"'
    bearer = call.format(to_nix(sources(server, "bearer")))
    refused = nix.build_fails(bearer)
    assert "/bearer/model.safetensors refuses access, got HTTP 401" in refused
    refused = nix.build_fails(bearer, NIX_AI_MODELS_URL_TOKEN="wrong-token-9876")
    assert "refuses access" in refused
    assert "wrong-token-9876" not in refused
    nix.build(bearer, NIX_AI_MODELS_URL_TOKEN=nginx.TOKEN)
    basic = to_nix(sources(server, "basic"))
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {HOST} login {nginx.USER} password {nginx.PASSWORD}\n")
    shown = ("--option", "extra-sandbox-paths", str(netrc))
    # Another file than before: what is in the store is not fetched again.
    private = f'(lib.fetchModel {{ source = {basic}; }}).files."notes #1.txt"'
    assert "HTTP 401" in nix.build_fails(private)
    built = nix.build(private, *shown, NETRC=str(netrc))
    assert nix.real(built).read_bytes() == sample.FILES["notes #1.txt"]
    for path in nix.real("/nix/store").rglob("*.drv"):
        assert nginx.PASSWORD not in path.read_text(errors="replace")


def test_a_cut_transfer_is_resumed(nix: Nix, server: nginx.Nginx, tmp_path: Path) -> None:
    killer = threading.Thread(target=server.cut_when_busy)
    killer.start()
    weights = sample.safetensors(900_000, seed=1)
    (server.files / "long.safetensors").write_bytes(weights)
    nix.build(f"""(lib.fetchModel {{ source.url.urls = [ {{
      url = "{server.url}/slow/long.safetensors"; sha256 = "{sha256(weights)}"; }} ];
      onDownloadFailure.retryDelay = 0.2;
    }}).files."long.safetensors" """)
    killer.join()
    assert server.statuses("/slow/long.safetensors")[-1] == 206


@pytest.mark.parametrize("mood", ["no-range", "moved", "busy"])
def test_moods_of_a_server(
    server: nginx.Nginx, context: Context, tmp_path: Path, mood: str
) -> None:
    source = one(server, f"{mood}/model.safetensors")
    patient = Context(environ={}, retries=Retries(times=4, delay=0.01))
    snapshot = url.resolve(source, patient)
    assert snapshot.files == (RemoteFile("model.safetensors", len(sample.WEIGHTS)),)
    url.download(source, "", snapshot.files[0], tmp_path / "out", patient)
    assert (tmp_path / "out").read_bytes() == sample.WEIGHTS
    if mood == "busy":
        assert 429 in server.statuses("/busy/model.safetensors")


def test_names(server: nginx.Nginx, context: Context, tmp_path: Path) -> None:
    given = one(server, "download", name="a/b.safetensors")
    assert [file.path for file in url.resolve(given, context).files] == ["a/b.safetensors"]
    told = one(server, "download")
    (file,) = url.resolve(told, context).files
    assert (file.path, file.pin) == ("named.safetensors", f"{server.url}/download")
    url.download(told, "", file, tmp_path / "out", context)
    assert (tmp_path / "out").read_bytes() == sample.WEIGHTS


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a b.bin"', "a b.bin"),
        ("attachment; filename*=UTF-8''%E6%A8%A1.bin; filename=x", "模.bin"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\dir\\\\x.bin"', "x.bin"),
        ('attachment; filename="gr\u00c3\u00b6\u00c3\u009fe.bin"', "größe.bin"),
        ("inline", ""),
        ("", ""),
    ],
)
def test_content_disposition(header: str, name: str) -> None:
    assert url.disposition_name(header) == name


def test_mirrors_are_tried_in_order(server: nginx.Nginx, context: Context, tmp_path: Path) -> None:
    (server.files / "short.txt").write_bytes(b"x")
    dead = f"http://{HOST}:{free_port()}/model.safetensors"
    source = Source(
        "url",
        {
            "urls": [
                {
                    "url": dead,
                    "sha256": sha256(sample.WEIGHTS),
                    "mirrors": [
                        f"{server.url}/plain/missing",
                        f"{server.url}/plain/short.txt",
                        f"{server.url}/plain/model.safetensors",
                    ],
                }
            ]
        },
    )
    file = RemoteFile("model.safetensors", len(sample.WEIGHTS), sha256(sample.WEIGHTS))
    url.download(source, "", file, tmp_path / "out", context)
    assert (tmp_path / "out").read_bytes() == sample.WEIGHTS
    paths = ["/plain/missing", "/plain/short.txt", "/plain/model.safetensors"]
    asked = [line.split()[6] for line in server.log()[-3:]]
    assert asked == paths
    # With the right size but other content, the hash decides.
    twin = server.files / "twin.safetensors"
    twin.write_bytes(bytes(len(sample.WEIGHTS)))
    source.attrs["urls"][0] |= {"url": f"{server.url}/plain/twin.safetensors"}
    url.download(source, "", file, tmp_path / "again", context)
    assert (tmp_path / "again").read_bytes() == sample.WEIGHTS


@pytest.mark.parametrize(
    ("path", "error", "text"),
    [
        ("plain/none.bin", NotFoundError, "/plain/none.bin does not exist, got HTTP 404"),
        ("basic/config.json", AuthError, "refuses access, got HTTP 401"),
        ("forever/x", TransferError, "redirects in a loop"),
        ("broken/x.bin", TransferError, "gave up after 2 attempts"),
        ("plain/", AuthError, "refuses access, got HTTP 403"),
    ],
)
def test_faults(
    server: nginx.Nginx, context: Context, path: str, error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        url.resolve(one(server, path), context)
    assert text in str(caught.value)


def test_replaced_between_listing_and_download(
    server: nginx.Nginx, context: Context, tmp_path: Path
) -> None:
    (server.files / "replaced.txt").write_bytes(b"before")
    source = one(server, "plain/replaced.txt")
    (file,) = url.resolve(source, context).files
    (server.files / "replaced.txt").write_bytes(b"after that")
    with pytest.raises(IntegrityError, match="size in bytes should be 6, got 10"):
        url.download(source, "", file, tmp_path / "out", context)
    assert not list(tmp_path.iterdir())


def test_a_password_in_an_address_is_refused(context: Context) -> None:
    with pytest.raises(UsageError) as caught:
        url.resolve(Source("url", {"urls": [{"url": "https://me:hunter2hunter2@host/x"}]}), context)
    assert "hunter2" not in str(caught.value)
    assert "https://host/x" in str(caught.value)


def test_many_addresses(nix: Nix, server: nginx.Nginx, command: Command, tmp_path: Path) -> None:
    paths = {f"many/{i:04}.txt": b"%d\n" % i for i in range(sample.MANY)}
    sample.write(server.files, paths)
    urls = [{"url": f"{server.url}/plain/{path}", "name": path} for path in paths]
    snapshot = url.resolve(Source("url", {"urls": urls}), Context(environ={}))
    assert [file.path for file in snapshot.files] == sorted(paths)


def test_an_archive_is_unpacked_on_request_only(
    nix: Nix, server: nginx.Nginx, command: Command, to_nix: Any
) -> None:
    with tarfile.open(server.files / "model.tar.gz", "w:gz") as archive:
        for path in sample.FILES:
            archive.add(server.files / path, f"./{path}")
    digest = sha256((server.files / "model.tar.gz").read_bytes())
    packed = {"urls": [{"url": f"{server.url}/plain/model.tar.gz", "sha256": digest}]}
    assert list(url.resolve(Source("url", packed), Context(environ={})).files) == [
        RemoteFile("model.tar.gz", (server.files / "model.tar.gz").stat().st_size, digest)
    ]
    source = {"url": packed | {"unpack": True}}
    whole = f"""(lib.fetchModel {{
      name = "m"; source = {to_nix(source)}; hash = "{command.tree_hash(source)}"; }}).raw"""
    assert sample.read(nix.real(nix.build(whole))) == dict(sample.FILES)
    nix.build(whole, "--check")
    # The same model from files of their own is the same tree.
    assert command.tree_hash(sources(server)) in whole


def test_evaluation_refuses(nix: Nix) -> None:
    pin = "hash = lib.fakeHash;"
    for urls, text in {
        '[ { url = "https://u:p4ssw0rd@h/x"; } ]': "an http or https address without a password",
        "[ ]": "`source.url.urls` names no address",
        '[ { url = "https://h/a/x"; } { url = "https://h/b/x"; } ]': "two files the same name",
        f'[ {{ url = "https://h/"; sha256 = "{"0" * 64}"; }} ]': "gives its file no name",
    }.items():
        error = nix.eval_fails(f"(lib.fetchModel {{ source.url.urls = {urls}; {pin} }}).drvPath")
        assert text in error
    error = nix.eval_fails(
        """(lib.fetchModel {
          source.url = { urls = [ { url = "https://h/x.zip"; } ]; unpack = true; };
          fileHashes."x" = lib.fakeHash; }).drvPath"""
    )
    assert "`fileHashes` cannot pin a source that is unpacked" in error


def test_imports_stay_light(server: nginx.Nginx, tmp_path: Path) -> None:
    """Fetching an address loads no cloud SDK and no hub client."""
    code = f"""
import sys
from pathlib import Path
from common.reference import parse_reference
from fetchers.base import load
from fetchers.context import Context
source = parse_reference("{server.url}/plain/config.json")
fetcher, context = load(source.type), Context()
(file,) = fetcher.resolve(source, context).files
fetcher.download(source, "", file, Path("{tmp_path}/out"), context)
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = {"boto3", "botocore", "google", "azure", "huggingface_hub", "numpy", "torch", "git"}
    assert not heavy & set(done.stdout.split())
    assert (tmp_path / "out").read_bytes() == sample.FILES["config.json"]
