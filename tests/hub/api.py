"""The JSON of the hub's API, from plain values to plain values."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from tests.hub.handler import RefusedError
from tests.hub.repos import Commit, File, Repo

WHEN = "2026-01-02T03:04:05.000Z"
SCOPED = {"entity": {"_id": "0", "type": "user", "name": "tester"}, "permissions": []}
Json = dict[str, Any]


def info(repo: Repo, commit: Commit, *, blobs: bool) -> Json:
    """Describe a repository at a commit, as ``/api/models/{id}/revision/{rev}`` does."""
    card = commit.card
    licenses = card.get("license", [])
    tags = [f"license:{name}" for name in ([licenses] if isinstance(licenses, str) else licenses)]
    extra: Json = {"modelId": repo.id} if repo.kind == "model" else {}
    return extra | {
        "_id": commit.sha[:24],
        "id": repo.id,
        "author": repo.id.rpartition("/")[0],
        "sha": commit.sha,
        "private": repo.private,
        "gated": repo.gated,
        "disabled": False,
        "createdAt": WHEN,
        "lastModified": WHEN,
        "downloads": 0,
        "likes": 0,
        "tags": tags,
        "cardData": card,
        "siblings": [_sibling(file, blobs=blobs) for file in commit.files.values()],
        "usedStorage": sum(file.size for file in commit.files.values()),
    }


def _sibling(file: File, *, blobs: bool) -> Json:
    if not blobs:
        return {"rfilename": file.path}
    lfs = {"sha256": file.sha256, "size": file.size, "pointerSize": len(file.pointer)}
    entry: Json = {"rfilename": file.path, "size": file.size, "blobId": file.oid}
    return entry | ({"lfs": lfs} if file.lfs else {})


def entry(file: File, *, expand: bool = False) -> Json:
    """Describe a file as a listing does."""
    told: Json = {"type": "file", "oid": file.oid, "size": file.size, "path": file.path}
    if file.lfs:
        told["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": len(file.pointer)}
    if expand:
        told["lastCommit"] = {"id": "0" * 40, "title": "Upload", "date": WHEN}
    return told


def _folder(path: str) -> Json:
    oid = hashlib.sha1(path.encode()).hexdigest()
    return {"type": "directory", "oid": oid, "size": 0, "path": path}


def tree(commit: Commit, path: str, *, recursive: bool, expand: bool) -> list[Json] | None:
    """List what is below `path`; None when there is nothing of that name."""
    prefix = f"{path.rstrip('/')}/" if path else ""
    folders: dict[str, Json] = {}
    files = []
    for name, file in commit.files.items():
        if not name.startswith(prefix):
            continue
        parts = name.removeprefix(prefix).split("/")
        for depth in range(1, len(parts) if recursive else min(2, len(parts))):
            folder = prefix + "/".join(parts[:depth])
            folders.setdefault(folder, _folder(folder))
        if recursive or len(parts) == 1:
            files.append(entry(file, expand=expand))
    return [*folders.values(), *files] if files or folders or not path else None


def page(
    entries: Sequence[Json], query: Mapping[str, str], size: int, url: str
) -> tuple[Sequence[Json], str]:
    """Cut a page out of a listing, and give the Link header to the next one."""
    start = int(query.get("cursor", 0))
    if start + size >= len(entries):
        return entries[start:], ""
    following = urlencode({**query, "limit": size, "cursor": start + size})
    return entries[start : start + size], f'<{url}?{following}>; rel="next"'


def paths_info(commit: Commit, paths: Sequence[str]) -> list[Json]:
    return [entry(commit.files[path]) for path in paths if path in commit.files]


def refs(repo: Repo) -> Json:
    """List branches and pull requests; what is no ``refs/…`` counts as a branch."""
    told = [
        {"name": name, "ref": name if name.startswith("refs/") else f"refs/heads/{name}"}
        | {"targetCommit": commit.sha}
        for name, commit in repo.commits.items()
    ]
    branches = [ref for ref in told if ref["ref"].startswith("refs/heads/")]
    pulls = [ref for ref in told if ref["ref"].startswith("refs/pr/")]
    return {"branches": branches, "tags": [], "converts": [], "pullRequests": pulls}


def whoami(tokens: Mapping[str, Any], token: str | None) -> Json:
    """Describe the user of a token.

    Raises:
        RefusedError: without a token.
    """
    if token is None:
        raise RefusedError(401, "Invalid username or password.")
    role = tokens[token]
    access = role if isinstance(role, dict) else {"displayName": "test", "role": role}
    if access["role"] == "fineGrained":
        access = {"fineGrained": {"canReadGatedRepos": False, "scoped": [SCOPED]}} | access
    return {
        "type": "user",
        "id": "0",
        "name": "tester",
        "fullname": "Tester",
        "orgs": [],
        "auth": {"type": "access_token", "accessToken": access},
    }
