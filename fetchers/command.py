"""Running the user's own shell text: what prints a token, and what is told of a failure."""

import subprocess
from collections.abc import Mapping

from common.errors import AuthError
from common.secrets import mask, remember

LONGEST_SECONDS = 120.0
_TEXT = "NIX_AI_MODELS_TEXT"
_SHOWN = 300  # characters of a failed command's last line

# What a command that must not see credentials may see of the environment.
PLAIN_VARIABLES = (
    *("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "USER"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "NIX_SSL_CERT_FILE"),
)


def plain(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the part of an environment in which no credential is expected."""
    return {name: environ[name] for name in PLAIN_VARIABLES if name in environ}


def output_of(what: str, text: str, shell: str, environ: Mapping[str, str]) -> str:
    """Run shell text and give what it prints, which is masked from now on.

    Args:
        what: the attribute the text comes from, for messages.
        text: of a POSIX shell.
        shell: absolute path.
        environ: its whole environment.

    Raises:
        AuthError: when it fails, takes too long, or prints nothing.
    """
    try:
        done = _run(text, shell, environ)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AuthError(f"`{what}` cannot be run", mask(str(error))) from error
    printed = done.stdout.strip()
    for line in printed.splitlines():
        remember(line.strip())
    if done.returncode:
        got = f"exit status {done.returncode}{last_line(done.stderr)}"
        raise AuthError(f"`{what}` failed", got, "sh -x -c '…' (the same text, in your shell)")
    if not printed:
        raise AuthError(f"`{what}` printed no credential", None, "print the token on stdout")
    return printed


def notify(
    text: str, shell: str, environ: Mapping[str, str], message: Mapping[str, str]
) -> str | None:
    """Run the text that is told of a failure; give what went wrong with it, or None.

    Args:
        text: of a POSIX shell.
        shell: absolute path.
        environ: its environment.
        message: more variables, masked here.
    """
    told = {name: mask(value) for name, value in message.items()}
    try:
        done = _run(text, shell, {**environ, **told})
    except (OSError, subprocess.TimeoutExpired) as error:
        return mask(str(error))
    return f"exit status {done.returncode}{last_line(done.stderr)}" if done.returncode else None


def _run(text: str, shell: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    # NB: the text goes by a variable: an argument would stand in the process list for all to read.
    return subprocess.run(
        [shell, "-c", f'text=${_TEXT}; unset {_TEXT}; eval "$text"'],
        env={**environ, _TEXT: text},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=LONGEST_SECONDS,
        check=False,
    )


def last_line(text: str) -> str:
    """Give the last line of a program's own words as ``: words``, masked, or nothing."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f": {mask(lines[-1])[:_SHOWN]}" if lines else ""
