"""nginx over a directory of files, in every mood that a web server has; see `CONFIG`."""

import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.base import HOST, free_port, need_program, running

USER, PASSWORD, TOKEN = "reader", "s3cret-pa55", "tok-en-0123456789"
WAIT_SECONDS = 30

CONFIG = """
daemon off;
worker_processes 1;
error_log {root}/error.log notice;
pid {root}/nginx.pid;
events {{ worker_connections 512; }}
http {{
  access_log {root}/access.log;
  default_type application/octet-stream;
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
  uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
  client_max_body_size 0;
  limit_req_zone $binary_remote_addr zone=slow:1m rate=1r/s;
{maps}
  server {{
    listen {host}:{port};
    root {files};
    location /status {{ stub_status; access_log off; }}
    location /plain/ {{ alias {files}/; }}
    location /no-range/ {{ alias {files}/; max_ranges 0; }}
    location /slow/ {{ alias {files}/; limit_rate 700k; }}
    location /basic/ {{
      alias {files}/; auth_basic "models"; auth_basic_user_file {root}/htpasswd;
    }}
    location /bearer/ {{
      if ($http_authorization != "Bearer {token}") {{ return 401; }}
      alias {files}/;
    }}
    location /busy/ {{
      alias {files}/; limit_req zone=slow; limit_req_status 429;
      add_header Retry-After 1 always;
    }}
    location /moved/ {{ rewrite ^/moved/(.*)$ /plain/$1 redirect; }}
    location /forever/ {{ return 302 /forever/x; }}
    location = /download {{
      alias {files}/model.safetensors;
      add_header Content-Disposition "attachment; filename=\\"dir/named.safetensors\\"";
    }}
    location /broken/ {{ return 500; }}
{extra}
  }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """A running server.

    Attributes:
        url: its address without a slash at the end.
        root: directory of its logs.
        files: directory that it serves.
    """

    url: str
    root: Path
    files: Path

    def log(self) -> list[str]:
        """The requests so far, a line each."""
        return (self.root / "access.log").read_text().splitlines()

    def statuses(self, path: str) -> list[int]:
        """The status of every request for a path so far."""
        return [int(line.split('"')[2].split()[0]) for line in self.log() if f" {path} " in line]

    def cut_when_busy(self) -> None:
        """Kill the worker as soon as it serves somebody else; the master starts another."""
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            with urllib.request.urlopen(f"{self.url}/status") as answer:
                active = int(answer.read().split()[2])
            if active > 1:
                time.sleep(0.4)  # some bytes on their way
                os.kill(self._worker(), signal.SIGKILL)
                return
            time.sleep(0.02)
        raise AssertionError("nobody came")

    def _worker(self) -> int:
        master = int((self.root / "nginx.pid").read_text())
        return int(Path(f"/proc/{master}/task/{master}/children").read_text().split()[0])


@contextmanager
def serving(root: Path, files: Path, extra: str = "", maps: str = "") -> Iterator[Nginx]:
    """Serve a directory until the block ends.

    Args:
        root: an empty directory for settings and logs.
        files: what to serve.
        extra: more `location` blocks.
        maps: more of the `http` block.
    """
    program = need_program("nginx", "nginx")
    port = free_port()
    (root / "htpasswd").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    (root / "access.log").touch()
    settings = CONFIG.format(
        root=root, files=files, port=port, host=HOST, token=TOKEN, extra=extra, maps=maps
    )
    if os.geteuid() == 0:
        settings = f"user root;{settings}"
    (root / "nginx.conf").write_text(settings)
    command = [program, "-c", root / "nginx.conf", "-p", root, "-e", root / "error.log"]
    url = f"http://{HOST}:{port}"
    with running(command, f"{url}/status", root / "nginx.out"):
        yield Nginx(url, root, files)
