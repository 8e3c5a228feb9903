"""The one place that finds credentials. Here: tokens from the environment; empty means unset."""

import requests
from requests.auth import AuthBase

from common.secrets import Secret
from fetchers.context import Context

HUB_TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_API_KEY")
URL_TOKEN_VARIABLE = "NIX_AI_MODELS_URL_TOKEN"  # noqa: S105 - a name


def hub_token(context: Context) -> Secret | None:
    """Find the Hugging Face token of this environment.

    Source: https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
    """
    for name in HUB_TOKEN_VARIABLES:
        value = context.variable(name)
        if value and value.strip():
            return Secret(value.strip(), f"${name}")
    return None


def url_token(context: Context) -> Secret | None:
    """Find the bearer token for plain addresses; basic credentials come from netrc."""
    value = (context.variable(URL_TOKEN_VARIABLE) or "").strip()
    return Secret(value, f"${URL_TOKEN_VARIABLE}") if value else None


class Bearer(AuthBase):
    """Sends a token as ``Authorization: Bearer``.

    NB: as an auth object and not as a header, because requests lets ~/.netrc replace a header.
    On a redirect to another origin requests drops it.
    """

    def __init__(self, token: Secret) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header to one request."""
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request


def bearer(token: Secret | None) -> AuthBase | None:
    """Give the auth object for a token, or None so that netrc may apply."""
    return Bearer(token) if token else None
