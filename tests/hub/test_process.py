"""The hub as a process of its own, steered over HTTP."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).parents[2]
SPARSE = [100_000_000_000, "ab" * 32]
SETTINGS = {
    "tokens": {"hf_x": "write"},
    "repos": {"models/org/tiny": {"gated": "auto", "sparse": {"big.gguf": SPARSE}}},
}
FILES = {
    "models/org/tiny/a/config.json": "{}",
    "models/org/tiny@refs%2Fpr%2F1/config.json": "[]",
    "models/gpt2/config.json": "{}",
    "datasets/org/data/train.csv": "a,b\n",
    "spaces/org/app/app.py": "",
    "hub.json": json.dumps(SETTINGS),
}


@pytest.fixture
def endpoint(tmp_path: Path):
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    port = tmp_path / "port"
    command = [sys.executable, "-m", "tests.hub", "--root", str(tmp_path), "--port-file", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 30
        while not port.exists() and time.monotonic() < until and process.poll() is None:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{int(port.read_text())}"
    finally:
        process.send_signal(signal.SIGTERM)
        printed, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert printed == f"http://127.0.0.1:{int(port.read_text())}\n"


def call(method: str, url: str, **options) -> requests.Response:
    return requests.request(method, url, timeout=10, **options)


def test_directories_are_repositories(endpoint: str) -> None:
    listing = call("GET", f"{endpoint}/api/models/org/tiny/tree/main?recursive=true").json()
    sizes = {entry["path"]: entry["size"] for entry in listing if entry["type"] == "file"}
    assert sizes == {"a/config.json": 2, "big.gguf": SPARSE[0]}
    for address, status in {
        "org/tiny/resolve/main/a/config.json": 401,
        "gpt2/resolve/main/config.json": 200,
        "datasets/org/data/resolve/main/train.csv": 200,
        "spaces/org/app/resolve/main/app.py": 200,
        "org/data/resolve/main/train.csv": 401,
    }.items():
        assert call("HEAD", f"{endpoint}/{address}").status_code == status, address
    pull = call("GET", f"{endpoint}/api/models/org/tiny/tree/refs%2Fpr%2F1").json()
    assert [entry["path"] for entry in pull] == ["config.json"]
    me = call("GET", f"{endpoint}/api/whoami-v2", headers={"Authorization": "Bearer hf_x"})
    assert me.json()["auth"]["accessToken"]["role"] == "write"


def test_faults_and_the_log_over_http(endpoint: str) -> None:
    config = f"{endpoint}/gpt2/resolve/main/config.json"
    fault = {"kind": "status", "status": 502, "path": "config.json", "times": 2}
    assert call("POST", f"{endpoint}/__faults", json=[fault]).status_code == 200
    assert [call("GET", config).status_code for _ in range(3)] == [502, 502, 200]
    seen = call("GET", f"{endpoint}/__requests").json()
    assert [(r["file"], r["status"], r["sent"]) for r in seen] == [
        ("config.json", 502, 0),
        ("config.json", 502, 0),
        ("config.json", 200, 2),
    ]
    call("POST", f"{endpoint}/__clear")
    assert call("GET", f"{endpoint}/__requests").json() == []
    refused = call("POST", f"{endpoint}/__faults", json={"kind": "cut", "afterr": 1})
    assert refused.status_code == 400
    assert "afterr" in refused.json()["error"]
