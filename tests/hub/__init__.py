"""A Hugging Face Hub on loopback: the protocol our fetchers speak, and its faults on request.

    repo = Repo("org/name", files={"config.json": b"{}", "model.safetensors": Path("…")})
    with Hub([repo]) as hub:
        hub.fault("cut", path="model.safetensors", after=1000, times=3)
        fetch(hub.endpoint)
        assert [r.status for r in hub.requests if r.origin == "cdn"] == [200, 206, 206, 206]

From another process: ``python -m tests.hub --root DIR --port-file F`` (see `tests.hub.__main__`).
"""

from tests.hub.faults import Fault
from tests.hub.log import Request
from tests.hub.repos import Repo, Sparse
from tests.hub.server import Hub

__all__ = ["Fault", "Hub", "Repo", "Request", "Sparse"]
