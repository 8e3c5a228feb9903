"""Where a model's credentials are to be found: the settings of `auth`, which hold no values.

The keys are those of `auth` in Nix (`lib/types/fetchModel.nix`); the order that a builder gets
carries them as they were written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

HUB_TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_API_KEY")
BEFORE_EXPIRY_SECONDS = 300.0
LONGEST_AGE_SECONDS = 3600.0

# Where the two secret managers put what they decrypt: of the system, and (below the runtime
# directory) of a user.
# https://github.com/Mic92/sops-nix, https://github.com/ryantm/agenix
_DECRYPTED = {"sops": "secrets", "agenix": "agenix"}
_ENCRYPTED_ENDINGS = {".age", ".yaml", ".yml", ".json", ".env", ".ini", ".enc", ".txt"}


@dataclass(frozen=True)
class Refresh:
    """How a new token is had.

    Attributes:
        command: shell text that prints one; empty for none.
        before: seconds before the end of a token at which the next one is asked for.
        longest: seconds that a token is used which does not say when it ends.
    """

    command: str = ""
    before: float = BEFORE_EXPIRY_SECONDS
    longest: float = LONGEST_AGE_SECONDS


@dataclass(frozen=True)
class Auth:
    """The settings of `auth`.

    Attributes:
        required: whether a download may not even begin without a token.
        variable: name of the environment variable that holds the token, before the usual ones.
        files: paths that may hold the token, in order; the first is the one the user named.
        hub_file: whether the Hugging Face command line's own file is read.
        help: the user's text for a refusal; empty for ours.
        script: shell text that prints a token, or ``export AUTH_HEADER="Bearer …"``.
        refresh: see `Refresh`.
        netrc: path of a netrc file; empty for the user's own.
        aws_profile: section of the AWS files.
        google_key: path of a service account's key.
        scopes: what a Hugging Face token must be allowed.
        warn_scopes: whether a token that is allowed more than reading is worth a warning.
    """

    required: bool = False
    variable: str = ""
    files: tuple[str, ...] = ()
    hub_file: bool = True
    help: str = ""
    script: str = ""
    refresh: Refresh = field(default_factory=Refresh)
    netrc: str = ""
    aws_profile: str = ""
    google_key: str = ""
    scopes: tuple[str, ...] = ()
    warn_scopes: bool = False

    def environment(self) -> dict[str, str]:
        """Give the variables by which HTTP and the cloud clients learn of these places."""
        named = {
            "NETRC": self.netrc,
            "AWS_PROFILE": self.aws_profile,
            "GOOGLE_APPLICATION_CREDENTIALS": self.google_key,
        }
        return {name: value for name, value in named.items() if value}


def read_auth(data: Mapping[str, Any], security: Mapping[str, Any]) -> Auth:
    """Read `auth` and the part of `security` that is about tokens, both checked by Nix already."""
    refresh = data.get("tokenRefresh", {})
    own = [data["tokenFile"]] if "tokenFile" in data else []
    decrypted = [place for kind in _DECRYPTED for place in _places(kind, data.get(kind))]
    return Auth(
        required=data.get("required", False),
        variable=data.get("tokenEnvVar", ""),
        files=(*own, *decrypted),
        hub_file=data.get("useHfCli", True),
        help=data.get("gatedModelHelp", ""),
        script=data.get("authScript", ""),
        refresh=Refresh(
            refresh.get("command", "") if refresh.get("enable", True) else "",
            refresh.get("refreshBeforeExpirySec", BEFORE_EXPIRY_SECONDS),
            refresh.get("maxTokenAgeSec", LONGEST_AGE_SECONDS),
        ),
        netrc=data.get("netrcFile", ""),
        aws_profile=data.get("awsProfile", ""),
        google_key=data.get("gcpServiceAccountKey", ""),
        scopes=tuple(security.get("requiredScopes", ())),
        warn_scopes=security.get("warnOnExcessiveScopes", False),
    )


def _places(kind: str, setting: Mapping[str, str] | None) -> list[str]:
    """Give the paths of a decrypted secret: named itself, or by its encrypted file's base name."""
    if setting is None:
        return []
    path = PurePosixPath(setting["secretFile"])
    if path.is_absolute():
        return [str(path)]
    name = path.stem if path.suffix in _ENCRYPTED_ENDINGS else path.name
    folder = _DECRYPTED[kind]
    return [f"/run/{folder}/{name}", f"$XDG_RUNTIME_DIR/{folder}/{name}"]
