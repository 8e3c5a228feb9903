"""git and Git LFS over HTTP: nginx before git http-backend (by fcgiwrap) and giftless.

Repositories of the owner ``org`` are public, those of ``private`` want basic auth for git and
for the LFS batch request, those of ``slow`` give weights slowly.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers import nginx, sample
from tests.servers.base import HOST, free_port, need_program, need_python, running

BACKEND = Path("/usr/lib/git-core/git-http-backend")
WHEN = "2026-01-02T03:04:05Z"  # the same files give the same commit every time
LFS = ("*.safetensors", "*.bin")

GIFTLESS = """
AUTH_PROVIDERS: ["giftless.auth.allow_anon:read_write"]
TRANSFER_ADAPTERS:
  basic:
    options: {{ storage_options: {{ path: {root}/lfs }} }}
PRE_AUTHORIZED_ACTION_PROVIDER:
  options: {{ private_key: a-key-that-only-this-test-has-0123456789 }}
"""

LOCATIONS = """
    location ~ ^/git/[a-z]+/[^/]+[.]git/info/lfs/ {{
      rewrite ^/git/(.*)[.]git/info/lfs/(.*)$ /$1/$2 break;
      auth_basic $realm; auth_basic_user_file {root}/htpasswd;
      proxy_pass http://{host}:{giftless}; proxy_set_header Host $http_host;
      proxy_set_header Authorization "";
    }}
    location ~ ^/(org|private|slow)/ {{
      limit_rate $rate;
      proxy_pass http://{host}:{giftless}; proxy_set_header Host $http_host;
    }}
    location ~ ^/git(?<repository>/.*)$ {{
      auth_basic $realm; auth_basic_user_file {root}/htpasswd;
      fastcgi_pass unix:{root}/fcgi; gzip off;
      fastcgi_param SCRIPT_FILENAME {backend};
      fastcgi_param GIT_PROJECT_ROOT {root}/repos; fastcgi_param GIT_HTTP_EXPORT_ALL "";
      fastcgi_param GIT_CONFIG_COUNT 2;
      fastcgi_param GIT_CONFIG_KEY_0 safe.directory; fastcgi_param GIT_CONFIG_VALUE_0 "*";
      fastcgi_param GIT_CONFIG_KEY_1 uploadpack.allowFilter; fastcgi_param GIT_CONFIG_VALUE_1 true;
      fastcgi_param PATH_INFO $repository; fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method; fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param REMOTE_USER $remote_user;
      fastcgi_param HTTP_GIT_PROTOCOL $http_git_protocol;
      fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
    }}
"""
MAPS = """
  map $uri $realm { default off; ~^/git/private/ models; }
  map $uri $rate { default 0; ~^/slow/ 700k; }
"""


@dataclass(frozen=True)
class Forge:
    """A running server of repositories."""

    web: nginx.Nginx
    root: Path
    giftless: str

    def url(self, name: str) -> str:
        """Give the address of a repository such as ``org/model``."""
        return f"{self.web.url}/git/{name}.git"

    def bare(self, name: str) -> Path:
        """Give the directory of a repository."""
        return self.root / "repos" / f"{name}.git"

    def push(
        self, name: str, files: Mapping[str, bytes] = sample.FILES, *, branch: str = "main"
    ) -> str:
        """Commit files to a branch of a repository, weights by LFS; give the commit."""
        work = self.root / "work" / name
        if not work.exists():
            work.mkdir(parents=True)
            git(work, "init", "--quiet", f"--initial-branch={branch}")
            git(work, "lfs", "install", "--local")
            git(work.parent, "init", "--quiet", "--bare", "-b", "main", str(self.bare(name)))
            git(work, "remote", "add", "origin", str(self.bare(name)))
        sample.write(work, {**_attributes(files), **files})
        git(work, "add", "--all", "--force")
        git(work, "commit", "--quiet", "--message", "Upload", "--no-gpg-sign")
        # NB: a push would take the objects to the bare directory as well.
        git(work, "config", "lfs.url", f"{self.giftless}/{name}")
        git(work, "lfs", "push", "origin", "HEAD")
        git(work, "-c", "core.hooksPath=/dev/null", "push", "--quiet", "origin", f"HEAD:{branch}")
        return git(work, "rev-parse", "HEAD")

    def tag(self, name: str, tag: str) -> None:
        """Give the last commit of a repository an annotated tag."""
        work = self.root / "work" / name
        git(work, "tag", "--annotate", "--message", tag, tag)
        git(work, "-c", "core.hooksPath=/dev/null", "push", "--quiet", "origin", tag)


def _attributes(files: Mapping[str, bytes]) -> dict[str, bytes]:
    rules = "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in LFS)
    return {} if ".gitattributes" in files else {".gitattributes": rules.encode()}


def git(work: Path, *arguments: str) -> str:
    """Run git without the user's own settings; give what it prints."""
    who = {"NAME": "Test", "EMAIL": "test@example.org", "DATE": WHEN}
    identity = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in who.items()}
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *arguments],
        cwd=work,
        env=os.environ | identity | alone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"git {arguments}: {done.stderr}"
    return done.stdout.strip()


@contextmanager
def serving(root: Path) -> Iterator[Forge]:
    """Serve repositories until the block ends.

    Args:
        root: an empty directory.
    """
    wrap = need_program("fcgiwrap", "fcgiwrap")
    need_program("git-lfs", "git-lfs")
    if not BACKEND.exists():
        pytest.skip(f"{BACKEND} is missing: apt-get install git")
    waitress = need_python("giftless") / "waitress-serve"
    port = free_port()
    (root / "repos").mkdir()
    (root / "giftless.yaml").write_text(GIFTLESS.format(root=root))
    giftless = f"http://{HOST}:{port}"
    locations = LOCATIONS.format(root=root, host=HOST, giftless=port, backend=BACKEND)
    socket = root / "fcgi"
    with (
        running(
            [waitress, "--listen", f"{HOST}:{port}", "giftless.wsgi_entrypoint:app"],
            giftless,
            root / "giftless.log",
            environ={"GIFTLESS_CONFIG_FILE": str(root / "giftless.yaml")},
        ),
        running([wrap, "-c", "2", "-s", f"unix:{socket}"], socket.exists, root / "fcgiwrap.log"),
        nginx.serving(root, root, locations, MAPS) as web,
    ):
        yield Forge(web, root, giftless)
