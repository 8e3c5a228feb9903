"""What the hub remembers of a request."""

from dataclasses import asdict, dataclass, field
from typing import Any

HEADERS = ("authorization", "range", "if-range", "accept-encoding", "user-agent")


@dataclass
class Request:
    """A request as the hub saw it.

    Attributes:
        path: without the query, still quoted.
        headers: of interest, lower-case names.
        file: path in the repository, when the request is for a file.
        sent: bytes of a file's body; of other answers nothing is counted.
        faults: kinds that struck it.
        failure: what no client of ours may do, and this request did.
    """

    origin: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    file: str = ""
    status: int = 0
    sent: int = 0
    faults: list[str] = field(default_factory=list)
    failure: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
