"""Models in an Ollama registry: Docker Distribution, through real sandboxed builds."""

import base64
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from common.digest import fixed_output_path
from common.errors import AuthError, IntegrityError, ModelError, NotFoundError, UsageError
from common.ollama import parse_name, read_manifest
from common.reference import Source
from fetchers import ollama
from fetchers.context import Context, Retries
from tests.fetchers.bucket_model import BIG, IMPATIENT, command, in_parts, lock, locked, read, sri
from tests.nix import ROOT, Nix
from tests.servers.proxy import Answer, Proxy, proxied
from tests.servers.registry import (
    PASSWORD,
    USER,
    Registry,
    registry,
    with_passwords,
    with_tokens,
)

TEMPLATE, PARAMS = b"{{ .Prompt }}", b'{"stop":["<|end|>"]}'
SIGNED_IN = {"OLLAMA_REGISTRY_USERNAME": USER, "OLLAMA_REGISTRY_PASSWORD": PASSWORD}
EMPTY = b""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return model(tmp_path_factory.mktemp("gguf"), 1)


def model(folder: Path, seed: int) -> bytes:
    """Give a GGUF of about 3 MiB, always the same for a seed."""
    path = folder / f"{seed}.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    tensor = np.random.default_rng(seed).random((768, 1024), np.float32)
    writer.add_tensor("token_embd.weight", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def layers(weights: bytes) -> list[tuple[str, bytes]]:
    return [
        ("model", weights),
        ("template", TEMPLATE),
        ("license", b"MIT"),
        ("license", b"and more"),
        ("system", EMPTY),
        ("params", PARAMS),
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, weights: bytes) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("registry")) as server:
        server.push("library/tiny", "1b", layers(weights))
        yield server


@pytest.fixture
def proxy(server: Registry) -> Iterator[Proxy]:
    with proxied(server.url) as proxy:
        yield proxy


def context(**environ: str) -> Context:
    return Context(environ={"HOME": "/homeless", **environ}, retries=Retries(2, 0.01), stall=5)


def source(server: Registry | Proxy, name: str = "library/tiny:1b", **attrs: Any) -> Source:
    return Source("ollama", {"model": f"{server.url}/{name}", **attrs})


def large(server: Registry | Proxy, hash_: str, name: str = "library/tiny:1b") -> str:
    """Give the expression of the derivation of the weights alone."""
    return f"""(lib.fetchModel {{
      source.ollama.model = "{server.url}/{name}";
      fileHashes."model.gguf" = "{hash_}"; {IMPATIENT}
    }}).files."model.gguf" """


def test_a_public_model_is_locked_without_its_weights_and_built(
    nix: Nix, server: Registry, proxy: Proxy, weights: bytes, tmp_path: Path
) -> None:
    path = lock(tmp_path, f"ollama:{proxy.url}/library/tiny:1b")
    assert [seen.path for seen in proxy.seen] == ["/v2/library/tiny/manifests/1b"]
    out = nix.build(locked(path))
    manifest = read(nix, nix.real(out) / "manifest.json")
    expected = {
        "model.gguf": weights,
        "template": TEMPLATE,
        "license": b"MIT",
        "license-2": b"and more",
        "system": EMPTY,
        "params.json": PARAMS,
    }
    assert {name: read(nix, nix.real(out) / name) for name in expected} == expected
    assert json.loads(read(nix, nix.real(out) / "image-config.json"))["model_format"] == "gguf"
    entry = json.loads(path.read_text())["models"]["model"]
    assert entry["revision"] == f"sha256:{sha256(manifest).hexdigest()}"
    blobs = {blob.path: blob.sha256 for blob in read_manifest(manifest)}
    assert {name: sri(read(nix, nix.real(out) / name)) for name in blobs} == {
        name: file["sha256"] for name, file in entry["files"].items()
    }
    nix.rebuild(locked(path))
    nix.rebuild(f"""({locked(path)}).files."model.gguf" """)


def test_the_weights_have_the_store_path_that_every_source_gives_them(
    nix: Nix, server: Registry, weights: bytes
) -> None:
    out = nix.build(large(server, sri(weights)))
    assert out == fixed_output_path("model.gguf", sha256(weights).hexdigest())


def test_the_whole_tree_has_the_hash_of_the_same_files_here(
    nix: Nix, server: Registry, tmp_path: Path
) -> None:
    told = json.loads(
        command("prefetch", f"ollama:{server.url}/library/tiny:1b", "--tree-hash", "--json").stdout
    )
    attrs = f"""source = "ollama:{server.url}/library/tiny:1b"; hash = "{told["hash"]}";"""
    out = nix.build(f"(lib.fetchModel {{ {attrs} }}).raw")
    local = command("prefetch", f"file:{nix.real(out)}", "--tree-hash", "--json")
    assert json.loads(local.stdout)["hash"] == told["hash"]


def test_a_private_model_by_password(
    nix: Nix, weights: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with with_passwords(tmp_path) as private:
        private.push("team/tiny", "1b", layers(weights))
        reference = f"ollama:{private.url}/team/tiny:1b"
        path = lock(tmp_path, reference, **SIGNED_IN)
        nix.build(locked(path), **SIGNED_IN)
        assert PASSWORD not in path.read_text()
        wanted = large(private, sri(weights), "team/tiny:1b")
        for given in ({}, {**SIGNED_IN, "OLLAMA_REGISTRY_PASSWORD": "wrong-password"}):
            told = command("prefetch", reference, **given)
            assert told.returncode == 1
            assert "the registry refuses access" in told.stderr
            assert "wrong-password" not in told.stderr
        store = Nix(tmp_path / "another")
        log = store.build_fails(wanted, OLLAMA_REGISTRY_USERNAME=USER)
        assert "the registry refuses access" in log
        assert "model.gguf" not in " ".join(store.outputs())
        for folder in (_docker(tmp_path, private), _netrc(tmp_path)):
            assert command("prefetch", reference, **folder).returncode == 0


def _docker(folder: Path, server: Registry) -> dict[str, str]:
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    host = server.url.partition("://")[2]
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return {"DOCKER_CONFIG": str(folder)}


def _netrc(folder: Path) -> dict[str, str]:
    (folder / "netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    return {"NETRC": str(folder / "netrc")}


def test_tokens_for_anybody_and_for_a_user(nix: Nix, weights: bytes, tmp_path: Path) -> None:
    with with_tokens(tmp_path) as (server, tokens):
        server.auth = tokens.push_auth("team/tiny")
        server.push("team/tiny", "1b", layers(weights))
        nix.build(large(server, sri(weights), "team/tiny:1b"))
        given, query = tokens.asked[-1]
        assert given is None
        assert query["scope"] == ["repository:team/tiny:pull"]
        tokens.private = True
        with pytest.raises(AuthError):
            ollama.resolve(source(server, "team/tiny:1b"), context())
        assert ollama.resolve(source(server, "team/tiny:1b"), context(**SIGNED_IN)).files


def test_a_registry_like_ollamas_own(
    nix: Nix, server: Registry, proxy: Proxy, weights: bytes
) -> None:
    manifest = server.push("library/own", "1b", layers(weights))
    digest = f"sha256:{sha256(manifest).hexdigest()}"
    proxy.refuse(lambda seen: seen.method == "HEAD", 405, times=99)
    proxy.refuse(lambda seen: f"manifests/{digest}" in seen.path, 404, times=99)
    plain = Answer(200, {"Content-Type": "text/plain; charset=utf-8"}, manifest, sized=False)
    proxy.on(lambda seen: "/manifests/1b" in seen.path, lambda _: plain, times=99)
    assert ollama.resolve(source(proxy, "library/own:1b"), context()).revision == digest
    pinned = f"library/own@{digest}"
    assert ollama.resolve(source(proxy, pinned), context()).revision == digest
    hashes = f"""fileHashes = {{ "manifest.json" = "{sri(manifest)}"; }};"""
    model = f"""source.ollama.model = "{proxy.url}/library/own:1b"; {hashes}"""
    out = nix.build(f"""(lib.fetchModel {{ {model} }}).files."manifest.json" """)
    assert nix.real(out).read_bytes() == manifest


def test_a_manifest_by_digest_in_distribution(server: Registry) -> None:
    revision = ollama.resolve(source(server), context()).revision
    by_digest = source(server, f"library/tiny@{revision}")
    assert ollama.resolve(by_digest, context()).revision == revision


def test_a_moved_tag_still_builds_and_diff_shows_it(
    nix: Nix, server: Registry, weights: bytes, tmp_path: Path
) -> None:
    server.push("library/moved", "latest", layers(weights))
    path = lock(tmp_path, f"ollama:{server.url}/library/moved")
    other = model(tmp_path, 2)
    server.push("library/moved", "latest", layers(other))
    nix.build(locked(path))
    diff = command("lock", "diff", "--lock-file", path)
    assert "model.gguf" in diff.stdout
    server.delete_blob("library/moved", weights)
    log = Nix(tmp_path / "another").build_fails(locked(path))
    for word in ("model.gguf", sri(weights), sri(other), "lock update"):
        assert word in log


def test_a_transfer_that_breaks_is_resumed(nix: Nix, proxy: Proxy, weights: bytes) -> None:
    proxy.cut(lambda seen: "/blobs/" in seen.path, after=1 << 20, times=2)
    assert nix.real(nix.build(large(proxy, sri(weights)))).read_bytes() == weights
    asked = [seen.headers.get("Range") for seen in proxy.gets("/blobs/")]
    assert asked == [None, "bytes=1048576-", "bytes=2097152-"]


def test_a_large_layer_comes_in_parts(server: Registry, proxy: Proxy, tmp_path: Path) -> None:
    server.push_blob("library/tiny", BIG)
    proxy.cut(lambda seen: "/blobs/" in seen.path, after=5 << 20)
    file = in_parts("model.gguf")
    ollama.download(source(proxy), "", file, tmp_path / "out", context())
    assert (tmp_path / "out").read_bytes() == BIG
    first, second = (seen.headers["Range"] for seen in proxy.gets("/blobs/"))
    assert first == f"bytes=0-{len(BIG) - 1}"
    assert second == f"bytes={5 << 20}-{len(BIG) - 1}"


def test_a_blob_with_other_content_is_refused_and_nothing_stays(
    nix: Nix, proxy: Proxy, weights: bytes
) -> None:
    proxy.refuse(lambda seen: "/blobs/" in seen.path, 200, times=9, body=weights[:-1] + b"x")
    log = nix.build_fails(large(proxy, sri(weights)))
    assert sri(weights) in log
    assert sri(weights[:-1] + b"x") in log
    assert "model.gguf" not in " ".join(nix.outputs())


def test_a_wrong_hash_is_told_with_the_right_one(
    nix: Nix, server: Registry, weights: bytes
) -> None:
    log = nix.build_fails(large(server, sri(b"other")))
    assert sri(b"other") in log
    assert sri(weights) in log


def test_no_hash_at_all_is_told_with_the_right_one(
    nix: Nix, server: Registry, weights: bytes
) -> None:
    fake = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    assert sri(weights) in nix.build_fails(large(server, fake))


def test_throttling_is_waited_out(proxy: Proxy) -> None:
    proxy.refuse(lambda _: True, 429, times=2, headers={"Retry-After": "0"})
    assert ollama.resolve(source(proxy), context()).files


@pytest.mark.parametrize("name", ["library/tiny:70b", "library/nobody:1b", "team/nobody"])
def test_a_missing_model_or_tag_is_named(server: Registry, name: str) -> None:
    with pytest.raises(NotFoundError, match=f"ollama:{server.url}/{name} does not exist"):
        ollama.resolve(source(server, name), context())


def test_globs_choose_files(server: Registry) -> None:
    only = ollama.resolve(source(server, files=["*.gguf"]), context())
    assert [file.path for file in only.files] == ["model.gguf"]
    with pytest.raises(NotFoundError, match=r"no file that matches(.|\n)*model\.gguf"):
        ollama.resolve(source(server, files=["*.bin"]), context())


@pytest.mark.parametrize(
    ("text", "address", "repository", "tag"),
    [
        ("llama2", "https://registry.ollama.ai", "library/llama2", "latest"),
        ("llama2:7b", "https://registry.ollama.ai", "library/llama2", "7b"),
        ("me/llama2:7b", "https://registry.ollama.ai", "me/llama2", "7b"),
        ("hf.co/org/repo:Q4_K_M", "https://hf.co", "org/repo", "Q4_K_M"),
        ("localhost:5000/tiny", "https://localhost:5000", "library/tiny", "latest"),
        ("http://10.0.0.1:5000/a/b/c:t", "http://10.0.0.1:5000", "a/b/c", "t"),
    ],
)
def test_names(text: str, address: str, repository: str, tag: str) -> None:
    name = parse_name(text)
    assert (name.address, name.repository, name.tag) == (address, repository, tag)


@pytest.mark.parametrize("text", ["", "a b", "a:", "http://x", "a@sha256:1", "../a", "a/", "a//b"])
def test_bad_names(text: str) -> None:
    with pytest.raises(UsageError):
        parse_name(text)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"layers":[{}]}',
        b'{"layers":[{"digest":"sha256:../x","size":1,"mediaType":"a"}]}',
        b'{"manifests":[]}',
    ],
)
def test_what_is_no_manifest_is_told(content: bytes) -> None:
    with pytest.raises(ModelError, match="no manifest of a model"):
        read_manifest(content)


def test_a_layer_of_an_unknown_kind_gets_a_name_that_stays_in_the_model() -> None:
    layer = {"digest": f"sha256:{'0' * 64}", "size": 1, "mediaType": "../../etc/passwd"}
    _, first, second = read_manifest(json.dumps({"layers": [layer, layer]}).encode())
    assert [first.path, second.path] == ["etc-passwd", "etc-passwd-2"]


def test_another_manifest_than_the_one_named_by_digest_is_refused(proxy: Proxy) -> None:
    proxy.refuse(lambda seen: "/manifests/" in seen.path, 200, body=b'{"layers": []}')
    with pytest.raises(IntegrityError, match="another digest"):
        ollama.resolve(source(proxy, f"library/tiny@sha256:{'0' * 64}"), context())


def test_a_password_goes_to_no_other_host(proxy: Proxy, server: Registry, tmp_path: Path) -> None:
    with proxied(server.url) as elsewhere:
        wants = {"WWW-Authenticate": 'Basic realm="x"'}
        elsewhere.refuse(lambda _: True, 401, times=9, headers=wants)
        away = {"Location": f"{elsewhere.url}/v2/blob"}
        proxy.on(lambda seen: "/blobs/" in seen.path, lambda _: Answer(307, away), times=9)
        file = ollama.resolve(source(proxy), context(**SIGNED_IN)).files[0]
        with pytest.raises(AuthError):
            ollama.download(source(proxy), "", file, tmp_path / "out", context(**SIGNED_IN))
        assert elsewhere.seen
        assert not any("Authorization" in seen.headers for seen in elsewhere.seen)


def test_the_example_evaluates(nix: Nix) -> None:
    example = f"(import {ROOT}/examples/ollama.nix {{ nix-ai-models = lib; }})"
    assert nix.eval(f"[ {example}.name {example}.reference ]") == ["llama2", "ollama:llama2:7b"]
