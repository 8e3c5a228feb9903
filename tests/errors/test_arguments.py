"""Every wrong argument is answered with its name, what came, the nearest name, and a remedy."""

import pytest

from tests.nix import ROOT, Nix

GOOD = 'source.huggingface.repo = "org/name"; hash = lib.fakeHash;'
LOCKED = 'name = "m"; lock = { source.huggingface.repo = "a/b"; revision = ""; files = {'

CASES = {
    "unknown-source": (
        'source.hugginface.repo = "a/b"; hash = lib.fakeHash;',
        '`source` names no known type, got "hugginface"; did you mean "huggingface"?',
        "write one of:",
    ),
    "two-sources": (
        'source = { huggingface.repo = "a/b"; local.path = "/x"; }; hash = lib.fakeHash;',
        "`source` must name one type, got `huggingface`, `local`",
        "keep one of them",
    ),
    "no-source": ("hash = lib.fakeHash;", "`source` is missing or empty", "source.huggingface = "),
    "no-reference": (
        'source = "a/b"; hash = lib.fakeHash;',
        '`source` names no known type, got "a/b"',
        "write one of:",
    ),
    "bad-reference": (
        'source = "huggingface:a/b/c"; hash = lib.fakeHash;',
        '`source` is no reference to a model, got "huggingface:a/b/c"',
        '"huggingface:ORG/NAME@main"',
    ),
    "source-attribute": (
        'source.huggingface = { repo = "a/b"; revison = "main"; }; hash = lib.fakeHash;',
        '`source.huggingface.revison` is no attribute here, got "revison"; did you mean "rev',
        "use one of:",
    ),
    "source-without-repo": (
        'source.huggingface = { revision = "main"; }; hash = lib.fakeHash;',
        "`source.huggingface.repo` is missing",
        'source.huggingface.repo = "ORG/NAME";',
    ),
    "misspelt": (
        f"{GOOD} securty = {{ }};",
        '`securty` is no attribute here, got "securty"; did you mean "security"?',
        "use one of:",
    ),
    "misspelt-within": (
        f'{GOOD} security.polcy = "off";',
        '`security.polcy` is no attribute here, got "polcy"; did you mean "policy"?',
        "use one of:",
    ),
    "bad-enum": (
        f'{GOOD} security.policy = "safe";',
        '`security.policy` is none of its values, got "safe"',
        "use one of: safe-only, scanned, off",
    ),
    "bad-hash": (
        'source = "hf:a/b"; hash = "sha256-nonsense";',
        '`hash` must be a hash, got "sha256-nonsense"',
        'hash = "sha256-AAAA',
    ),
    "bad-file-hash": (
        'source = "hf:a/b"; fileHashes."x.json" = "md5-1";',
        '`fileHashes."x.json"` must be a hash, got "md5-1"',
        "write for example:",
    ),
    "no-file": (
        'source = "hf:a/b"; fileHashes = { };',
        "`fileHashes` names no file",
        'fileHashes."config.json"',
    ),
    "not-pinned": (
        'source = "hf:a/b";',
        "the model is not pinned",
        "nix-ai-model prefetch 'huggingface:a/b@main'",
    ),
    "pinned-twice": (
        f'{GOOD} fileHashes."x" = lib.fakeHash;',
        "the model is pinned twice, by `fileHashes`, `hash`",
        "keep one of",
    ),
    "token": (
        f'{GOOD} auth.token = "hf_secretsecret";',
        "`auth.token` is refused: it would be readable by everybody in the Nix store",
        "export HF_TOKEN=…",
    ),
    "token-file-path": (
        f"{GOOD} auth.tokenFile = ./flake.nix;",
        "`auth.tokenFile` must be an absolute path as a string",
        'auth.tokenFile = "/run/secrets/token";',
    ),
    "signer-of-no-way": (
        f'{GOOD} security.signature.file = "my.sig";',
        "`security.signature` must say whose signature counts in one way, got none",
        "publicKey = ./signer.pub;",
    ),
    "signer-in-two-ways": (
        f'{GOOD} security.signature = {{ identity = "me"; publicKey = ./x; }};',
        "in one way, got `publicKey`, `identity`",
        "keep one of:",
    ),
    "identity-of-nobody": (
        f'{GOOD} security.signature = {{ identity = "me"; trustRoot = ./x; }};',
        "`security.signature.identity` counts only with its issuer",
        "got no `issuer`",
    ),
    "identity-without-trust": (
        f'{GOOD} security.signature = {{ identity = "me"; issuer = "https://x"; }};',
        "is verified without network, got no `trustRoot`",
        "cosign trusted-root create",
    ),
    "name": (
        f'{GOOD} name = "a b";',
        "`name` must be a store name (letters, digits and +-._?=, not starting with a dot), got",
        'name = "my-model";',
    ),
    "validator": (
        f'{GOOD} validation.validators = [ {{ name = "x"; }} ];',
        "`validation.validators[0].command` is missing",
        "validation.validators[0].command =",
    ),
    "lock-version": (
        f'lock = {ROOT}/tests/errors/version-9.lock.json; source = "hf:a/b";',
        "has version 9; this library reads version 1",
        "nix-ai-model lock update --lock-file",
    ),
    "lock-entry": (
        f'{LOCKED} "x" = {{ sha256 = "no"; size = 1; }}; }}; }};',
        '`lock.files."x".sha256` must be a hash, got "no"',
        "write for example:",
    ),
    "lock-of-another": (
        f'source = "hf:c/d"; {LOCKED} "x" = {{ sha256 = "{"0" * 64}"; size = 1; }}; }}; }};',
        "`lock` is for another source than `source`",
        "nix-ai-model lock add NAME huggingface:c/d@main",
    ),
    "relative-local": (
        'source.local.path = "model"; fileHashes."x" = lib.fakeHash;',
        "`source.local.path` is relative to nothing when it is a string",
        "source.local.path = ./model;",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_argument_is_explained(nix: Nix, case: str) -> None:
    arguments, cause, remedy = CASES[case]
    error = nix.eval_fails(f"(lib.fetchModel {{ {arguments} }}).drvPath")
    assert "nix-ai-models.fetchModel: " in error or "nix-ai-models.readLock: " in error
    assert cause in error
    assert "To fix, " in error
    assert remedy in error
    assert "hf_secretsecret" not in error


def test_all_problems_of_a_call_are_told_at_once(nix: Nix) -> None:
    error = nix.eval_fails(f'(lib.fetchModel {{ {GOOD} nam = 1; lazy = "yes"; }}).drvPath')
    assert "`nam` is no attribute here" in error
    assert '`lazy` must be true or false, got "yes"' in error


def test_an_argument_that_is_no_set(nix: Nix) -> None:
    error = nix.eval_fails('lib.fetchModel "hf:a/b"')
    assert '`argument` must be an attribute set, got "hf:a/b"' in error


def test_neither_pkgs_nor_a_toolchain(nix: Nix) -> None:
    result = nix.run(
        "nix-instantiate", "--eval", "--strict", "-E", f"(import {ROOT} {{ }}).command.drvPath"
    )
    assert result.returncode
    assert "neither `pkgs` nor `toolchain` is given" in result.stderr
