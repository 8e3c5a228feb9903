"""Git LFS: through real builds against git http-backend and giftless, and file:// remotes."""

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.digest import to_sri
from common.errors import AuthError, IntegrityError, NotFoundError, TransferError, UsageError
from common.files import RemoteFile
from common.reference import Source
from fetchers import git_lfs, lfs
from fetchers.context import Context, Retries
from tests.fetchers.conftest import Command, content
from tests.nix import Nix
from tests.servers import git_lfs as server
from tests.servers import nginx, sample
from tests.servers.base import HOST, free_port

LOGIN = {"GIT_USERNAME": nginx.USER, "GIT_PASSWORD": nginx.PASSWORD}
ATTRIBUTES = ".gitattributes"


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[server.Forge]:
    with server.serving(tmp_path_factory.mktemp("forge")) as running:
        running.push("org/model")
        running.push("private/model")
        yield running


def context(**environ: str) -> Context:
    alone = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return Context(environ=alone | environ, retries=Retries(times=1, delay=0.01), stall=10.0)


def source(url: str, **more: Any) -> Source:
    return Source("git-lfs", {"url": url, **more})


def paths(found: Source, **environ: str) -> set[str]:
    return {file.path for file in git_lfs.resolve(found, context(**environ)).files}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_locked_without_a_weight_and_built(nix: Nix, forge: server.Forge, command: Command) -> None:
    seen = len(forge.web.log())
    locked = command.lock(f"git-lfs:{forge.url('org/model')}@main")
    assert not [line for line in forge.web.log()[seen:] if "/objects/" in line]
    entry = command.entry()
    assert len(entry["revision"]) == 40
    weights = entry["files"]["model.safetensors"]
    assert weights == {
        "sha256": to_sri(sha256(sample.WEIGHTS)),
        "size": len(sample.WEIGHTS),
        "large": True,
        "pin": "lfs",
    }
    out = nix.build(locked)
    for path, data in sample.FILES.items():
        assert content(nix, f"{out}/{path}") == data, path
    # The weight cost one question and one download, the small files one fetch.
    requests = [line.split('"')[1].split()[:2] for line in forge.web.log()[seen:]]
    assert len([1 for method, path in requests if "objects/storage" in path]) == 1
    assert len([1 for method, path in requests if "objects/batch" in path]) == 1
    nix.build(f'{locked}.files."model.safetensors"', "--check")
    nix.build(locked, "--check")


def test_the_same_model_has_the_same_hash_and_path_as_elsewhere(
    nix: Nix, forge: server.Forge, command: Command, tmp_path: Path, to_nix: Any
) -> None:
    repository = {"git-lfs": {"url": forge.url("org/model"), "exclude": [ATTRIBUTES]}}
    there = command.tree_hash(repository)
    here = f"file:{sample.write(tmp_path / 'files')}"
    assert there == command.tree_hash(here)
    call = (
        f'(lib.fetchModel {{ name = "m"; source = {to_nix(repository)}; hash = "{there}"; }}).raw'
    )
    assert sample.read(nix.real(nix.build(call))) == dict(sample.FILES)
    nix.build(call, "--check")
    by_lfs = nix.build(f'{command.lock(repository)}.files."model.safetensors"')
    files = json.dumps(f'{command.lock(here)}.files."model.safetensors"')
    assert nix.eval(f"toString ({json.loads(files)})") == by_lfs


def test_file_hashes_find_the_pointer_themselves(nix: Nix, forge: server.Forge) -> None:
    vocabulary = to_sri(sha256(sample.FILES["tokenizer/vocab list.txt"]))
    out = nix.build(f"""lib.fetchModel {{
      source.git-lfs = {{ url = "{forge.url("org/model")}"; rev = "main"; }};
      fileHashes."model.safetensors" = "{to_sri(sha256(sample.WEIGHTS))}";
      fileHashes."tokenizer/vocab list.txt" = "{vocabulary}";
    }}""")
    assert content(nix, f"{out}/tokenizer/vocab list.txt") == b"a\nb\n"
    assert content(nix, f"{out}/model.safetensors") == sample.WEIGHTS


def test_private_repositories(nix: Nix, forge: server.Forge, command: Command) -> None:
    url = forge.url("private/model")
    refused = command.fails("prefetch", f"git-lfs:{url}@main")
    assert f"{url} refuses access" in refused
    assert "GIT_USERNAME" in refused
    wrong = command.fails("prefetch", f"git-lfs:{url}@main", GIT_PASSWORD="wr0ng-passw0rd")
    assert "refuses access" in wrong
    assert "wr0ng" not in wrong
    locked = command.lock(f"git-lfs:{url}@main", **LOGIN)
    log = nix.build_fails(locked)
    assert "refuses access" in log
    out = nix.build(locked, **LOGIN)
    assert content(nix, f"{out}/model.safetensors") == sample.WEIGHTS
    assert nginx.PASSWORD not in command.lock_file.read_text()
    netrc = command.folder / "home" / ".netrc"
    netrc.write_text(f"machine {HOST} login {nginx.USER} password {nginx.PASSWORD}\n")
    command.ok("prefetch", f"git-lfs:{url}@main")


def test_an_interrupted_weight_is_fetched_to_its_end(nix: Nix, forge: server.Forge) -> None:
    weights = sample.safetensors(900_000, seed=2)
    forge.push("slow/model", {"model.safetensors": weights})
    killer = threading.Thread(target=forge.web.cut_when_busy)
    call = f"""(lib.fetchModel {{
      source.git-lfs.url = "{forge.url("slow/model")}";
      onDownloadFailure.retryDelay = 0.2;
      lock = {{
        source.git-lfs.url = "{forge.url("slow/model")}";
        revision = "{"0" * 40}";
        files."model.safetensors" = {{ sha256 = "{to_sri(sha256(weights))}"; large = true;
          size = {len(weights)}; pin = "lfs"; }};
      }};
    }}).files."model.safetensors" """
    killer.start()
    nix.build(call)
    killer.join()


def test_commit_tag_branch_and_default(forge: server.Forge) -> None:
    first = forge.push("org/moving", {"a.txt": b"1"})
    forge.tag("org/moving", "v1")
    second = forge.push("org/moving", {"a.txt": b"2"})
    other = forge.push("org/moving", {"a.txt": b"3"}, branch="other/branch")
    url = forge.url("org/moving")
    told = {"main": second, "v1": first, "other/branch": other, "HEAD": second, first: first}
    for rev, commit in told.items():
        assert git_lfs.resolve(source(url, rev=rev), context()).revision == commit, rev


def test_globs_and_directories(forge: server.Forge) -> None:
    forge.push(
        "org/big",
        {"m/a.safetensors": b"a", "m/w/b.bin": b"b", "m/c.json": b"{}", "readme.md": b"#"},
    )
    url = forge.url("org/big")
    everything = {"m/a.safetensors", "m/w/b.bin", "m/c.json", "readme.md", ATTRIBUTES}
    assert paths(source(url)) == everything
    assert paths(source(url, lfsFiles=["*/w/*.bin"])) == everything - {"m/a.safetensors"}
    assert paths(source(url, files=["m/"], exclude=["*.bin"])) == {"m/a.safetensors", "m/c.json"}
    below = source(url, subdir="m")
    assert paths(below) == {"a.safetensors", "w/b.bin", "c.json"}
    with pytest.raises(NotFoundError, match=r"has no file that is wanted\ntry: .*m/a\.safetensors"):
        git_lfs.resolve(source(url, files=["*.gguf"]), context())


def test_a_directory_is_downloaded(forge: server.Forge, tmp_path: Path) -> None:
    forge.push("org/nested", {"deep/m/a.safetensors": b"aaa", "deep/m/c.json": b"{}"})
    below = source(forge.url("org/nested"), subdir="deep/m/")
    snapshot = git_lfs.resolve(below, context())
    for file in snapshot.files:
        git_lfs.download(below, snapshot.revision, file, tmp_path / file.path, context())
    assert sample.read(tmp_path) == {"a.safetensors": b"aaa", "c.json": b"{}"}


def test_submodules_are_off_until_asked_for(forge: server.Forge, tmp_path: Path) -> None:
    inner = forge.push("org/inner", {"w.safetensors": b"weights", "i.json": b"[]"})
    forge.push(
        "org/outer",
        {
            "o.json": b"{}",
            ".gitmodules": b'[submodule "x"]\n\tpath = sub/x\n\turl = ../inner.git\n',
        },
    )
    work = forge.root / "work" / "org" / "outer"
    server.git(work, "update-index", "--add", "--cacheinfo", f"160000,{inner},sub/x")
    server.git(work, "commit", "--quiet", "--message", "sub")
    server.git(work, "-c", "core.hooksPath=/dev/null", "push", "--quiet", "origin", "HEAD:main")
    url = forge.url("org/outer")
    without = git_lfs.resolve(source(url), context())
    assert "sub/x/i.json" not in {file.path for file in without.files}
    assert without.notes == ("left out the submodule sub/x; `submodules = true` takes it",)
    wanted = source(url, submodules=True, exclude=["*.git*"])
    snapshot = git_lfs.resolve(wanted, context())
    for file in snapshot.files:
        git_lfs.download(wanted, snapshot.revision, file, tmp_path / file.path, context())
    assert sample.read(tmp_path) == {
        "o.json": b"{}",
        "sub/x/w.safetensors": b"weights",
        "sub/x/i.json": b"[]",
    }


def test_another_lfs_server(forge: server.Forge, tmp_path: Path) -> None:
    """.lfsconfig names it, and a build asks it without cloning."""
    config = f'[lfs]\n\turl = "{forge.giftless}/org/elsewhere"\n'.encode()
    forge.push("org/elsewhere", {"w.safetensors": b"there", ".lfsconfig": config})
    elsewhere = source(forge.url("org/elsewhere"), files=["w.*"])
    (file,) = git_lfs.resolve(elsewhere, context()).files
    assert file.pin == f"lfs:{forge.giftless}/org/elsewhere"
    git_lfs.download(elsewhere, "0" * 40, file, tmp_path / "w", context(PATH="/nonexistent"))
    assert (tmp_path / "w").read_bytes() == b"there"


def test_another_lfs_server_gets_no_credentials_and_no_local_files() -> None:
    for named in ("file:///etc", "/etc", "ssh://evil.example/x", "-oProxyCommand=id:x"):
        told = lfs.endpoint_of("https://host/org/m", {"lfs.url": named})
        assert told == "https://host/org/m.git/info/lfs"
    login = lfs._login("https://evil.example/x", "https://host/org/m", context(**LOGIN))
    assert login is None


@pytest.mark.parametrize(
    "endpoint", ["ssh://-oProxyCommand=id/x", "-oProxyCommand=id:x", "-l@host:x", ""]
)
def test_ssh_is_given_no_options(endpoint: str, tmp_path: Path) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    ssh.chmod(0o755)
    file = RemoteFile("w", 3, "1" * 64)
    opener = lfs.opener(endpoint, "git@host:x", file, context(GIT_SSH_COMMAND=str(ssh)))
    with pytest.raises(TransferError, match="this LFS server cannot be reached"):
        opener(0, None)
    assert not (tmp_path / "ran").exists()


def test_a_remote_of_this_machine(forge: server.Forge, nix: Nix, command: Command) -> None:
    work = forge.root / "work" / "org" / "model"
    server.git(work, "-c", "lfs.url=", "push", "--quiet", str(forge.bare("org/model")), "HEAD:main")
    server.git(work, "config", "--unset", "lfs.url")
    server.git(work, "lfs", "push", "--all", "origin", "main")
    url = f"file://{forge.bare('org/model')}"
    locked = command.lock(f"git-lfs:{url}@main")
    out = nix.build(locked, "--option", "extra-sandbox-paths", str(forge.root))
    for path, data in sample.FILES.items():
        assert content(nix, f"{out}/{path}") == data, path


def test_ssh(forge: server.Forge, tmp_path: Path) -> None:
    """A stand-in for ssh runs the command here; it knows git-lfs-authenticate as forges do."""
    ssh = tmp_path / "ssh"
    ssh.write_text(f"""#!/bin/sh
while [ "${{1#-}}" != "$1" ]; do shift 2; done
[ "$1" = git@forge.example ] || exit 9
case $2 in
  git-lfs-authenticate*) echo '{{"href": "{forge.url("org/model")}/info/lfs",
    "header": {{"X-Note": "from-ssh-0123"}} }}' ;;
  *) cd {forge.root}/repos && eval "$2" ;;
esac
""")
    ssh.chmod(0o755)
    environ = {"GIT_SSH_COMMAND": str(ssh)}
    for url in ("git@forge.example:org/model.git", "ssh://git@forge.example:2222/./org/model.git"):
        remote = source(url.replace("/./", "/"), rev="main", files=["*.safetensors"])
        if url.startswith("ssh:"):
            text = ssh.read_text().replace('eval "$2"', 'eval "$(echo $2 | sed s:/org:org:)"')
            ssh.write_text(text)
        snapshot = git_lfs.resolve(remote, context(**environ))
        (file,) = snapshot.files
        out = tmp_path / f"out{len(url)}"
        git_lfs.download(remote, snapshot.revision, file, out, context(**environ))
        assert out.read_bytes() == sample.WEIGHTS


def test_large_files_in_git_itself(nix: Nix, forge: server.Forge, command: Command) -> None:
    data = bytes(range(256)) * 8192
    forge.push("org/plain", {"large.txt": data, "small.txt": b"s"})
    locked = command.lock(f"git-lfs:{forge.url('org/plain')}@main")
    assert command.entry()["files"]["large.txt"]["large"]
    out = nix.build(locked)
    assert content(nix, f"{out}/large.txt") == data


def test_many_files(
    nix: Nix, forge: server.Forge, tmp_path: Path, command: Command, to_nix: Any
) -> None:
    files = {f"many/{i:04}.txt": b"%d\n" % i for i in range(sample.MANY)}
    forge.push("org/many", files)
    many = {"git-lfs": {"url": forge.url("org/many"), "exclude": [ATTRIBUTES]}}
    known = command.tree_hash(f"file:{sample.write(tmp_path / 'many', files)}")
    call = f'(lib.fetchModel {{ name = "m"; source = {to_nix(many)}; hash = "{known}"; }}).raw'
    assert sample.read(nix.real(nix.build(call))) == files


def test_a_moved_branch(forge: server.Forge, nix: Nix, command: Command) -> None:
    one, two = sample.safetensors(2), sample.safetensors(3)
    forge.push("org/moved", {"w.safetensors": one, "a.txt": b"1"})
    locked = command.lock(f"git-lfs:{forge.url('org/moved')}@main")
    old = command.entry()["revision"]
    new = forge.push("org/moved", {"w.safetensors": two, "a.txt": b"1"})
    # The commit is pinned, so that the build still gives the old one.
    assert content(nix, nix.build(locked) + "/w.safetensors") == one
    diff = command.ok("lock", "diff").stdout
    assert f"{old} -> {new}" in diff
    assert f"w.safetensors ({len(one)} B -> {len(two)} B)" in diff
    command.ok("lock", "update")
    assert content(nix, nix.build(locked) + "/w.safetensors") == two


@pytest.mark.parametrize(
    ("name", "rev", "error", "text"),
    [
        ("org/none", "main", NotFoundError, "does not exist, or is private"),
        ("org/model", "no-branch", NotFoundError, "has no such revision, got 'no-branch'"),
        ("org/model", "0" * 40, NotFoundError, "has no such revision"),
        ("org/model", "abcdef12", NotFoundError, "cannot be asked for a shortened commit"),
        ("private/model", "main", AuthError, "refuses access"),
    ],
)
def test_faults(
    forge: server.Forge, name: str, rev: str, error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        git_lfs.resolve(source(forge.url(name), rev=rev), context())
    assert text in str(caught.value)


def test_a_server_that_is_not_there() -> None:
    dead = source(f"http://{HOST}:{free_port()}/org/model.git")
    with pytest.raises(TransferError, match="gave up after 2 attempts"):
        git_lfs.resolve(dead, context())


def test_a_weight_that_is_not_there_or_another(forge: server.Forge, tmp_path: Path) -> None:
    url = forge.url("org/model")
    gone = RemoteFile("w.bin", 3, "1" * 64, pin="lfs")
    with pytest.raises(NotFoundError, match=r"does not have w\.bin, got 404: .*Cannot find"):
        git_lfs.download(source(url), "0" * 40, gone, tmp_path / "w", context())
    forge.push("org/corrupt", {"w.safetensors": b"good"})
    stored = forge.root / "lfs" / "org" / "corrupt" / sha256(b"good")
    stored.write_bytes(b"evil")
    (file,) = git_lfs.resolve(source(forge.url("org/corrupt"), files=["w*"]), context()).files
    with pytest.raises(IntegrityError, match=r"w\.safetensors .* is not what was pinned"):
        git_lfs.download(
            source(forge.url("org/corrupt")), "0" * 40, file, tmp_path / "w", context()
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["-oProxyCommand=x", "ext::sh -c id", "model", "ftp://h/x"])
def test_addresses_that_git_must_not_see(url: str, nix: Nix) -> None:
    with pytest.raises(UsageError, match="this is no address of a git repository"):
        git_lfs.resolve(source(url), context())
    error = nix.eval_fails(
        f'(lib.fetchModel {{ source.git-lfs.url = "{url}"; hash = lib.fakeHash; }}).drvPath'
    )
    assert "`source.git-lfs.url` must be an address of a git repository" in error


def test_references_mean_the_same_in_nix(nix: Nix) -> None:
    for reference, url, rev in (
        ("git-lfs:https://h/o/m.git@v1", "https://h/o/m.git", "v1"),
        ("git-lfs:git@h:o/m", "git@h:o/m", "HEAD"),
        ("git-lfs:ssh://git@h/o/m@main", "ssh://git@h/o/m", "main"),
    ):
        call = f'(lib.fetchModel {{ source = "{reference}"; hash = lib.fakeHash; }}).source'
        assert nix.eval(call) == {"git-lfs": {"url": url, "rev": rev}}


def test_no_git(forge: server.Forge, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="git is not installed"):
        git_lfs.resolve(source(forge.url("org/model")), context(PATH=str(tmp_path)))
    assert shutil.which("git")
