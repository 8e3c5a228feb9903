"""An MLflow tracking server with a registry; models are logged over its REST API."""

import json
import sqlite3
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.servers import sample
from tests.servers.base import HOST, free_port, need_python, running

USER, PASSWORD = "admin", "adm1n-pa55word"
AUTH = """[mlflow]
default_permission = NO_PERMISSIONS
database_uri = sqlite:///{root}/auth.db
admin_username = {user}
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""


@dataclass(frozen=True)
class MLflow:
    """A running server."""

    url: str
    root: Path
    private: bool

    def ask(self, call: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST to the REST API."""
        return json.loads(self._send("POST", f"/api/2.0/mlflow/{call}", json.dumps(body).encode()))

    def _send(self, method: str, path: str, data: bytes) -> bytes:
        kind = "application/json" if method == "POST" else "application/octet-stream"
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": kind}, method=method
        )
        if self.private:
            login = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            request.add_header("Authorization", f"Basic {login}")
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def register(self, name: str) -> None:
        """Make an empty registered model."""
        self.ask("registered-models/create", {"name": name})

    def log_2x(self, name: str, files: Mapping[str, bytes] = sample.FILES, source: str = "") -> str:
        """Add a version whose files are artifacts of a run, as 2.x does; give its number.

        Args:
            name: of a registered model.
            files: to upload below the run; none where `source` is given.
            source: address of artifacts that are elsewhere.
        """
        run = self.ask("runs/create", {"experiment_id": "0", "start_time": int(time.time())})["run"]
        root = run["info"]["artifact_uri"]
        if not source:
            self.upload(f"{root}/model", files)
        body = {"name": name, "source": source or f"{root}/model", "run_id": run["info"]["run_id"]}
        return self.ask("model-versions/create", body)["model_version"]["version"]

    def log_3x(self, name: str, files: Mapping[str, bytes] = sample.FILES) -> str:
        """Add a version that is a logged model of its own, as 3.x does; give its number."""
        model = self.ask("logged-models", {"experiment_id": "0", "name": "m"})["model"]["info"]
        self.upload(model["artifact_uri"], files)
        body = {
            "name": name,
            "source": f"models:/{model['model_id']}",
            "model_id": model["model_id"],
        }
        return self.ask("model-versions/create", body)["model_version"]["version"]

    def relocate(self, name: str, version: str, root: str) -> None:
        """Say that the artifacts of a version are elsewhere.

        NB: the server takes no such address of this machine's files over its API.
        """
        with closing(sqlite3.connect(self.root / "mlflow.db", timeout=30)) as database, database:
            database.execute(
                "UPDATE model_versions SET source = ?, storage_location = ?"
                " WHERE name = ? AND version = ?",
                (root, root, name, version),
            )

    def upload(self, root: str, files: Mapping[str, bytes]) -> None:
        """Put files below an ``mlflow-artifacts:`` address."""
        below = root.removeprefix("mlflow-artifacts:/")
        for path, content in files.items():
            place = quote(f"{below}/{path}")
            self._send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{place}", content)

    def stage(self, name: str, version: str, stage: str) -> None:
        """Move a version to a stage."""
        body = {"name": name, "version": version, "stage": stage}
        self.ask("model-versions/transition-stage", body)

    def alias(self, name: str, version: str, alias: str) -> None:
        """Point an alias to a version."""
        body = {"name": name, "version": version, "alias": alias}
        self.ask("registered-models/alias", body)


@contextmanager
def serving(root: Path, *, private: bool = False, proxied: bool = True) -> Iterator[MLflow]:
    """Serve a registry until the block ends.

    Args:
        root: an empty directory.
        private: want basic auth, with `USER` and `PASSWORD`.
        proxied: pass artifacts on; else runs keep theirs below ``root/artifacts``.
    """
    bin_, port = need_python("mlflow"), free_port()
    words = [bin_ / "mlflow", "server", "--host", HOST, "--port", port, "--workers", 1]
    words += ["--backend-store-uri", f"sqlite:///{root}/mlflow.db"]
    if proxied:
        words += ["--serve-artifacts", "--artifacts-destination", root / "artifacts"]
    else:
        words += ["--no-serve-artifacts", "--default-artifact-root", root / "artifacts"]
    environ = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PATH": f"{bin_}:/usr/bin:/bin",
        "HOME": str(root),
    }
    if private:
        (root / "auth.ini").write_text(AUTH.format(root=root, user=USER, password=PASSWORD))
        words += ["--app-name", "basic-auth"]
        environ |= {
            "MLFLOW_AUTH_CONFIG_PATH": str(root / "auth.ini"),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "only-for-this-test",
        }
    url = f"http://{HOST}:{port}"
    with running(words, f"{url}/health", root / "mlflow.log", environ=environ):
        yield MLflow(url, root, private)
