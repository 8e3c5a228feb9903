"""MLflow: through real builds against its own server, with and without authentication."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from common.errors import AuthError, IntegrityError, NotFoundError, TransferError, UsageError
from common.reference import Source, parse_reference
from fetchers import mlflow
from fetchers.context import Context, Retries
from tests.fetchers.conftest import Command, content
from tests.nix import Nix
from tests.servers import mlflow as server
from tests.servers import nginx, sample
from tests.servers.base import HOST, free_port
from tests.servers.moto import REGION, moto

# NB: MLflow's server refuses `#` in a path, and decodes `%25` once too often.
FILES = {path: data for path, data in sample.FILES.items() if "#" not in path and "%25" not in path}
FILES = {**FILES, "100%/half.txt": b"percent\n"}
QUICK = Retries(times=1, delay=0.01)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[server.MLflow]:
    with server.serving(tmp_path_factory.mktemp("mlflow")) as running:
        running.register("tiny")
        running.log_2x("tiny", FILES)
        running.log_3x("tiny", FILES)
        running.stage("tiny", "1", "Production")
        running.alias("tiny", "1", "champion")
        yield running


def context(registry: server.MLflow | str, **environ: str) -> Context:
    url = registry if isinstance(registry, str) else registry.url
    return Context(environ={"MLFLOW_TRACKING_URI": url, **environ}, retries=QUICK, stall=20.0)


def test_as_the_specification_writes_it(
    nix: Nix, registry: server.MLflow, command: Command, tmp_path: Path
) -> None:
    """Section 3.2; models logged by 2.x and 3.x and files of this machine are one model."""
    known = command.tree_hash(f"file:{sample.write(tmp_path / 'model', FILES)}")
    for version in ("1", "2"):
        call = f"""(lib.fetchModel {{
          name = "tiny";
          source = "mlflow";
          trackingUri = "{registry.url}";
          modelName = "tiny";
          modelVersion = "{version}";
          hash = "{known}";
        }}).raw"""
        assert (
            sample.read(nix.real(nix.build(call, "--check" if version == "2" else "-Q"))) == FILES
        )


def test_locked_and_built(
    nix: Nix, registry: server.MLflow, command: Command, tmp_path: Path
) -> None:
    uri = {"MLFLOW_TRACKING_URI": registry.url}
    added = command.ok("lock", "add", "model", "mlflow:tiny@Production", **uri)
    assert "downloading 1.5 MiB in 7 files whose sha256 is published nowhere" in added.stderr
    assert command.entry()["revision"] == "1"
    locked = f'(lib.fetchModel {{ name = "model"; lock = {command.lock_file}; }})'
    out = nix.build(locked, **uri)
    for path, data in FILES.items():
        assert content(nix, f"{out}/{path}") == data, path
    weights = f'{locked}.files."model.safetensors"'
    nix.build(weights, "--check", **uri)
    elsewhere = command.lock(f"file:{sample.write(tmp_path / 'model', FILES)}", "other")
    assert nix.eval(f'toString {elsewhere}.files."model.safetensors"') == nix.build(weights, **uri)


def test_what_moved(nix: Nix, registry: server.MLflow, command: Command) -> None:
    uri = {"MLFLOW_TRACKING_URI": registry.url}
    registry.register("moving")
    registry.log_2x("moving", {"a.txt": b"one"})
    locked = command.lock("mlflow:moving", **uri)
    root = mlflow._from_pin(command.entry()["files"]["a.txt"]["pin"])[0]
    # The same version, written over: only its content can tell.
    registry.upload(root, {"a.txt": b"two"})
    log = nix.build_fails(locked, **uri)
    assert "a.txt from " in log
    assert "is not what was pinned: its sha256 should be " in log
    assert command.entry()["files"]["a.txt"]["sha256"] in log
    assert "lock update" in log
    assert "a.txt (3 B -> 3 B)" in command.ok("lock", "diff", **uri).stdout
    registry.log_2x("moving", {"a.txt": b"three"})
    assert "moving" not in command.ok("lock", "update", **uri).stderr
    assert command.entry()["revision"] == "2"
    assert content(nix, nix.build(locked, **uri) + "/a.txt") == b"three"


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("mlflow:tiny@1", "1"),
        ("mlflow:tiny@latest", "2"),
        ("mlflow:tiny", "2"),
        ("mlflow:tiny@Production", "1"),
        ("mlflow:tiny@alias:champion", "1"),
    ],
)
def test_ways_to_name_a_version(
    nix: Nix, registry: server.MLflow, reference: str, version: str
) -> None:
    source = parse_reference(reference)
    snapshot = mlflow.resolve(source, context(registry))
    assert snapshot.revision == version
    assert {file.path: file.size for file in snapshot.files} == {
        # NB: the server leaves a size of 0 out.
        path: len(data) or None
        for path, data in FILES.items()
    }
    nixed = nix.eval(f'(lib.fetchModel {{ source = "{reference}"; hash = lib.fakeHash; }}).source')
    assert nixed == source.to_json()


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("mlflow:none@1", "mlflow:none@1 does not exist, got Model Version (name=none, version=1)"),
        ("mlflow:none", "mlflow:none@latest does not exist"),
        ("mlflow:tiny@99", "mlflow:tiny@99 does not exist"),
        ("mlflow:tiny@Staging", "does not exist, got no version in stage 'Staging'"),
        ("mlflow:tiny@alias:nobody", "mlflow:tiny@alias:nobody does not exist, got Registered"),
    ],
)
def test_what_is_not_there(registry: server.MLflow, reference: str, text: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        mlflow.resolve(parse_reference(reference), context(registry))
    assert text in str(caught.value)


def test_private_registry(nix: Nix, tmp_path: Path, command: Command) -> None:
    login = {"MLFLOW_TRACKING_USERNAME": server.USER, "MLFLOW_TRACKING_PASSWORD": server.PASSWORD}
    (tmp_path / "mlflow").mkdir()
    with server.serving(tmp_path / "mlflow", private=True) as registry:
        registry.register("secret")
        registry.log_3x("secret", {"config.json": b"{}", "model.safetensors": sample.WEIGHTS})
        uri = {"MLFLOW_TRACKING_URI": registry.url}
        refused = command.fails("prefetch", "mlflow:secret@1", **uri)
        assert "the tracking server refuses access to mlflow:secret@1, got HTTP 401" in refused
        wrong = {**login, "MLFLOW_TRACKING_PASSWORD": "wr0ng-passw0rd"}
        refused = command.fails("prefetch", "mlflow:secret@1", **uri, **wrong)
        assert "refuses access" in refused
        assert "wr0ng" not in refused
        locked = command.lock("mlflow:secret@1", **uri, **login)
        weights = f'{locked}.files."model.safetensors"'
        assert "refuses access" in nix.build_fails(weights, **uri)
        assert nix.real(nix.build(weights, **uri, **login)).read_bytes() == sample.WEIGHTS
        assert server.PASSWORD not in command.lock_file.read_text()


def test_bearer_tokens_throttling_and_a_cut(
    nix: Nix, registry: server.MLflow, tmp_path: Path, command: Command
) -> None:
    """A gateway before the server, as there is before most of them."""
    there = registry.url.removeprefix("http://")
    locations = f"""
    location ~ ^/api/2.0/mlflow-artifacts/artifacts/. {{
      limit_rate 700k; proxy_pass http://{there}; proxy_force_ranges on;
    }}
    location /api/ {{
      if ($http_authorization != "Bearer {nginx.TOKEN}") {{ return 401; }}
      limit_req zone=slow burst=1 nodelay; limit_req_status 429; add_header Retry-After 1 always;
      proxy_pass http://{there};
    }}
"""
    (tmp_path / "gate").mkdir()
    weights = sample.safetensors(900_000, seed=3)
    registry.register("long")
    registry.log_3x("long", {"model.safetensors": weights})
    with nginx.serving(tmp_path / "gate", tmp_path, locations) as gate:
        source = parse_reference("mlflow:long@1")
        with pytest.raises(AuthError, match="refuses access"):
            mlflow.resolve(source, context(gate.url, MLFLOW_TRACKING_TOKEN="n0t-the-token"))
        environ = {"MLFLOW_TRACKING_URI": gate.url, "MLFLOW_TRACKING_TOKEN": nginx.TOKEN}
        patient = Context(environ=environ, retries=Retries(5, 0.05))
        snapshot = mlflow.resolve(source, patient)
        assert any('" 429 ' in line for line in gate.log())
        (file,) = snapshot.files
        killer = threading.Thread(target=gate.cut_when_busy)
        killer.start()
        mlflow.download(source, "1", file, tmp_path / "out", patient)
        killer.join()
        assert (tmp_path / "out").read_bytes() == weights


def test_artifacts_that_are_not_passed_on(
    nix: Nix, registry: server.MLflow, tmp_path: Path, command: Command
) -> None:
    registry.register("elsewhere")
    model = sample.write(tmp_path / "on disk")
    by_path = registry.log_2x("elsewhere", {})
    registry.relocate("elsewhere", by_path, f"file://{quote(str(model))}")
    found = Source("mlflow", {"modelName": "elsewhere", "modelVersion": by_path})
    snapshot = mlflow.resolve(found, context(registry))
    assert {file.path for file in snapshot.files} == set(sample.FILES)
    for file in snapshot.files:
        mlflow.download(found, by_path, file, tmp_path / "out" / file.path, context(registry))
    assert sample.read(tmp_path / "out") == dict(sample.FILES)
    unknown = registry.log_2x("elsewhere", {})
    registry.relocate("elsewhere", unknown, "dbfs:/databricks/x")
    with pytest.raises(UsageError, match="where nothing here can read them, got dbfs:/databricks"):
        mlflow.resolve(parse_reference(f"mlflow:elsewhere@{unknown}"), context(registry))


def test_artifacts_in_s3(
    nix: Nix, registry: server.MLflow, tmp_path: Path, command: Command
) -> None:
    (tmp_path / "s3").mkdir()
    with moto(tmp_path / "s3") as s3:
        s3.bucket("weights", {f"models/m/{path}": data for path, data in sample.FILES.items()})
        registry.register("in-s3")
        registry.log_2x("in-s3", source="s3://weights/models/m")
        environ = {
            **s3.owner,
            "MLFLOW_TRACKING_URI": registry.url,
            "AWS_ENDPOINT_URL": s3.url,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        locked = command.lock("mlflow:in-s3@1", **environ)
        built = nix.build(f'{locked}.files."model.safetensors"', **environ)
        assert nix.real(built).read_bytes() == sample.WEIGHTS


@pytest.mark.parametrize(
    ("root", "source"),
    [
        ("s3://b/p q/m", {"s3": {"bucket": "b", "prefix": "p q/m/"}}),
        ("gs://b/p", {"gcs": {"bucket": "b", "prefix": "p/"}}),
        (
            "wasbs://c@acc.blob.core.windows.net/p",
            {"azure": {"account": "acc", "container": "c", "prefix": "p/"}},
        ),
        ("file:///a%20b/c", {"local": {"path": "/a b/c"}}),
        ("/a b/c", {"local": {"path": "/a b/c"}}),
    ],
)
def test_where_artifacts_are(root: str, source: dict[str, Any]) -> None:
    place = mlflow._place(root, "http://127.0.0.1:5000")
    assert isinstance(place, Source)
    assert place.to_json() == source
    assert mlflow._from_pin(mlflow._to_pin(root, "etag:x")) == (root, "etag:x")


@pytest.mark.parametrize("root", ["file:///home/me/.ssh", "/home/me/.ssh"])
def test_a_strangers_server_cannot_choose_local_files(root: str) -> None:
    with pytest.raises(UsageError, match="names a path of this machine"):
        mlflow._place(root, "https://mlflow.example.org")


def test_many_artifacts(registry: server.MLflow) -> None:
    registry.register("many")
    version = registry.log_2x("many", {"first.txt": b"1"})
    source = parse_reference(f"mlflow:many@{version}")
    root = mlflow._from_pin(mlflow.resolve(source, context(registry)).files[0].pin)[0]
    folder = registry.root / "artifacts" / root.removeprefix("mlflow-artifacts:/")
    files = {f"part/{i:04}.txt": b"%d\n" % i for i in range(sample.MANY)}
    sample.write(folder, files)
    snapshot = mlflow.resolve(source, context(registry))
    assert {file.path for file in snapshot.files} == {*files, "first.txt"}


def test_replaced_or_removed_after_listing(registry: server.MLflow, tmp_path: Path) -> None:
    registry.register("restless")
    registry.log_2x("restless", {"a.txt": b"before", "b.txt": b"b"})
    source = parse_reference("mlflow:restless@1")
    first, second = mlflow.resolve(source, context(registry)).files
    root = mlflow._from_pin(first.pin)[0]
    registry.upload(root, {"a.txt": b"after that"})
    with pytest.raises(IntegrityError, match="size in bytes should be 6, got 10"):
        mlflow.download(source, "1", first, tmp_path / "out", context(registry))
    (registry.root / "artifacts" / root.removeprefix("mlflow-artifacts:/") / "b.txt").unlink()
    with pytest.raises((NotFoundError, TransferError), match=r"b\.txt"):
        mlflow.download(source, "1", second, tmp_path / "out", context(registry))
    assert not (tmp_path / "out").exists()


def test_no_server(nix: Nix) -> None:
    source = parse_reference("mlflow:tiny@1")
    with pytest.raises(UsageError, match="there is no tracking server to ask"):
        mlflow.resolve(source, Context(environ={}))
    with pytest.raises(TransferError, match="gave up after 2 attempts"):
        mlflow.resolve(source, context(f"http://{HOST}:{free_port()}"))
    with pytest.raises(UsageError) as caught:
        mlflow.resolve(source, context("https://me:hunter2hunter2@host"))
    assert "hunter2" not in str(caught.value)
    both = 'modelName = "m"; modelVersion = 3; modelAlias = "x";'
    error = nix.eval_fails(f"(lib.fetchModel {{ source.mlflow = {{ {both} }}; }}).drvPath")
    assert "`source.mlflow` is asked for in several ways" in error
