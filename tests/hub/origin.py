"""The hub's own origin: finding the repository, letting in or not, and `resolve`.

Protocol: https://huggingface.co/docs/hub/api and the client's `hf_api.py` and `file_download.py`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote

from tests.hub import api
from tests.hub.handler import RefusedError
from tests.hub.repos import Commit, File, Repo
from tests.hub.serving import FileHandler

KINDS = {"models": "model", "datasets": "dataset", "spaces": "space"}
API_VERBS = ("revision", "tree", "auth-check", "paths-info", "refs")


@dataclass(frozen=True)
class Target:
    """What an address names: a repository, what to do with it, a revision, and a path in it."""

    kind: str
    id: str
    verb: str
    revision: str = "main"
    path: str = ""


def parse_target(path: str) -> Target | None:
    """Read the path of a request; None when it names nothing the hub has."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    prefix = parts.pop(0) if parts[0] == "api" else ""
    kind = KINDS.get(parts[0])
    if kind:
        parts = parts[1:]
    elif prefix:
        return None
    verbs = API_VERBS if prefix else ("resolve",)
    # NB: an id has one part or two; the verb's place tells, and no repository is called like one.
    length = next((n for n in (1, 2) if len(parts) > n and parts[n] in verbs), len(parts))
    name, rest = "/".join(parts[:length]), parts[length:]
    if not 1 <= length <= 2 or not (rest or prefix):
        return None
    verb, revision = [*rest, "info"][0], "/".join(rest[1:2]) or "main"
    return Target(kind or "model", name, verb, revision, "/".join(rest[2:]))


class HubHandler(FileHandler):
    origin = "hub"

    def route(self, path: str, query: str) -> None:
        if path.startswith("/__"):
            self._control(path)
            return
        body = self._body()
        target = parse_target(path)
        if self.struck(target.path if target and target.verb == "resolve" else ""):
            return
        expired = self.hub.faults.refuses(self.token(), count=True)
        if expired or (self.token() and self.token() not in self.hub.tokens):
            raise RefusedError(401, "Invalid credentials in Authorization header")
        if path == "/api/whoami-v2":
            self.reply(200, api.whoami(self.hub.tokens, self.token()))
        elif target is None:
            raise RefusedError(404, "Sorry, we can't find the page you are looking for.")
        else:
            self._repository(target, dict(parse_qsl(query)), body)

    def _body(self) -> str:
        return self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()

    def _repository(self, target: Target, query: Mapping[str, str], body: str) -> None:
        repo = self._find(target)
        if repo.id != target.id:
            self._redirect_moved(target.id, repo.id)
            return
        if target.verb == "auth-check":
            self._check_grant(repo)
            self.reply(200, {})
            return
        if target.verb == "refs":
            self.reply(200, api.refs(repo))
            return
        commit = repo.commit(target.revision)
        if commit is None:
            raise RefusedError(404, f"Invalid rev id: {target.revision}", "RevisionNotFound")
        match target.verb:
            case "resolve":
                self._resolve(repo, commit, target.path)
            case "tree":
                self._tree(commit, target.path, query)
            case "paths-info":
                self.reply(200, api.paths_info(commit, parse_qs(body).get("paths", [])))
            case _:
                self.reply(200, api.info(repo, commit, blobs=query.get("blobs") == "true"))

    def _find(self, target: Target) -> Repo:
        repo = self.hub.find(target.kind, target.id)
        if repo is None or (repo.private and self.token() not in repo.tokens):
            # The real hub hides from strangers whether a private repository exists.
            if self.token() is None:
                raise RefusedError(401, "Invalid username or password.", "RepoNotFound")
            raise RefusedError(404, "Repository not found", "RepoNotFound")
        return repo

    def _redirect_moved(self, old: str, new: str) -> None:
        # As the real hub: a relative address, the query kept, the token welcome there too.
        self.head(307, {"Location": self.path.replace(f"/{old}", f"/{new}", 1)}, 0)

    def _check_grant(self, repo: Repo) -> None:
        if not repo.gated or self.token() in repo.tokens:
            return
        about = f"Access to {repo.kind} {repo.id} is restricted"
        if self.token() is None:
            raise RefusedError(401, f"{about}. Please log in.", "GatedRepo")
        place = f"{self.hub.endpoint}/{repo.id}"
        raise RefusedError(403, f"{about}, ask for access at {place}", "GatedRepo")

    def _tree(self, commit: Commit, path: str, query: Mapping[str, str]) -> None:
        entries = api.tree(
            commit,
            path,
            recursive=query.get("recursive", "").lower() in ("true", "1"),
            expand=query.get("expand", "").lower() in ("true", "1"),
        )
        if entries is None:
            raise RefusedError(404, f"{path} does not exist", "EntryNotFound")
        size = int(query.get("limit", self.hub.page_size))
        page, link = api.page(entries, query, size, self.hub.endpoint + self.record.path)
        self.reply(200, page, {"Link": link} if link else {})

    def _resolve(self, repo: Repo, commit: Commit, path: str) -> None:
        self._check_grant(repo)
        file = commit.files.get(path)
        headers: dict[str, Any] = {"X-Repo-Commit": commit.sha}
        if file is None:
            self.reply(
                404,
                {"error": "Entry not found"},
                {**headers, "X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"},
            )
        elif file.lfs:
            self._redirect(repo, commit, file, headers)
        else:
            self.serve(file, file.etag, headers)

    def _redirect(self, repo: Repo, commit: Commit, file: File, headers: dict[str, Any]) -> None:
        linked = {"X-Linked-Size": str(file.size), "X-Linked-Etag": file.etag}
        location = self.hub.sign(repo, commit, file, self.token())
        self.head(302, {**headers, **linked, "ETag": file.etag, "Location": location}, 0)

    def _control(self, path: str) -> None:
        body = self._body()
        match self.command, path:
            case "GET", "/__requests":
                self.reply(200, [request.to_json() for request in self.hub.requests])
            case "POST", "/__clear":
                self.hub.clear()
                self.reply(200, {})
            case "POST", "/__faults":
                given = json.loads(body)
                try:
                    for fault in given if isinstance(given, list) else [given]:
                        self.hub.fault(**fault)
                except (TypeError, ValueError) as error:
                    raise RefusedError(400, str(error)) from error
                self.reply(200, {})
            case _:
                raise RefusedError(404, "one of POST /__faults, GET /__requests, POST /__clear")
