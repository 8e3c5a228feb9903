"""What stands between a machine and the hub: proxies, and certificates of one's own."""

import hashlib
from pathlib import Path

import pytest

from common.digest import to_sri
from tests.cli.conftest import Command
from tests.e2e.gateways import forward_proxy, make_certificate, tls
from tests.e2e.models import safetensors
from tests.hub import Hub, Repo
from tests.nix import Nix

WEIGHTS = safetensors(2 << 20)
FILES = {"config.json": b'{"model_type": "bert"}', "model.safetensors": WEIGHTS}
SRI = to_sri(hashlib.sha256(WEIGHTS).hexdigest())
# A name that leads nowhere without the proxy (RFC 6761).
HIDDEN = "http://hub.invalid"
WHOLE = 'lib.fetchModel { source = "hf:org/tiny"; hash = lib.fakeHash; }'
ONE = f"""(lib.fetchModel {{
  source = "hf:org/tiny"; fileHashes."model.safetensors" = "{SRI}";
  onDownloadFailure = {{ maxRetries = 1; retryDelay = 0; }};
}}).files."model.safetensors" """


@pytest.fixture(autouse=True)
def repo(hub: Hub) -> Repo:
    repo = Repo("org/tiny", files=FILES)
    hub.put(repo)
    return repo


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_build_goes_through_the_proxy(nix: Nix, hub: Hub, variable: str) -> None:
    with forward_proxy({HIDDEN: hub.endpoint}) as proxy:
        environ = {"HF_ENDPOINT": HIDDEN, variable: proxy.address, "no_proxy": "", "NO_PROXY": ""}
        path = nix.build(ONE, **environ)
    assert nix.real(path).read_bytes() == WEIGHTS
    first, second = proxy.asked
    assert first.startswith(f"{HIDDEN}/org/tiny/resolve/")
    assert second.startswith(hub.cdn)


def test_resolving_goes_through_the_proxy(nix: Nix, hub: Hub, command: Command) -> None:
    with forward_proxy({HIDDEN: hub.endpoint}) as proxy:
        environ = {"HF_ENDPOINT": HIDDEN, "http_proxy": proxy.address}
        assert SRI in command.ok("prefetch", "hf:org/tiny", env=environ).out
        assert "hash mismatch" in nix.build_fails(WHOLE, **environ, no_proxy="", NO_PROXY="")
    assert all(url.startswith((HIDDEN, hub.cdn)) for url in proxy.asked)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def test_a_build_trusts_the_certificates_it_is_told_to(
    nix: Nix, hub: Hub, certificate: tuple[Path, Path]
) -> None:
    # As Nix's own `ssl-cert-file` setting does, the sandbox has to show the file.
    shown = ("--option", "extra-sandbox-paths", str(certificate[0]))
    with tls(hub.endpoint, *certificate) as endpoint:
        log = nix.build_fails(ONE, *shown, HF_ENDPOINT=endpoint, NIX_SSL_CERT_FILE="")
        assert f"the TLS certificate of {endpoint}" in log
        assert "NIX_SSL_CERT_FILE=" in log
        trusted = {"HF_ENDPOINT": endpoint, "NIX_SSL_CERT_FILE": str(certificate[0])}
        path = nix.build(ONE, *shown, **trusted)
        assert nix.real(path).read_bytes() == WEIGHTS
        assert "hash mismatch" in nix.build_fails(WHOLE, *shown, **trusted)


def test_the_command_trusts_them_too(
    hub: Hub, command: Command, certificate: tuple[Path, Path]
) -> None:
    with tls(hub.endpoint, *certificate) as endpoint:
        trusted = {"HF_ENDPOINT": endpoint, "NIX_SSL_CERT_FILE": str(certificate[0])}
        assert SRI in command.ok("prefetch", "hf:org/tiny", env=trusted).out
        refused = command("prefetch", "hf:org/tiny", env={"HF_ENDPOINT": endpoint})
    assert refused.status == 1
    assert "certificate" in refused.err
    assert "NIX_SSL_CERT_FILE=" in refused.err
