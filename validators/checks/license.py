"""Check `license`: whether the licence that the model states is one the user accepts.

Runs where `security.allowedLicenses` is set. Identifiers are compared without case, as the hub
writes them (https://huggingface.co/docs/hub/repositories-licenses).
"""

from collections.abc import Iterator

from common.findings import Finding
from common.model_card import CARD, licences
from validators.base import Check, Model

NAME = "license"


def _allowed(model: Model) -> list[str] | None:
    return model.security.get("allowedLicenses")


def _run(model: Model) -> Iterator[Finding]:
    accepted = {name.lower() for name in _allowed(model) or ()}
    stated = licences({file.path: file.local for file in model.files})
    if not stated:
        message = "no licence is stated, and only some are allowed"
        remedy = 'the licence\'s text, then: security.allowedLicenses = [ … "unstated" ];'
        if "unstated" not in accepted:
            yield Finding(CARD, NAME, "error", message, "", remedy, "no-license")
    for name in stated:
        if name not in accepted:
            remedy = f'security.allowedLicenses = [ … "{name}" ];'
            message = "the licence is none of those that are allowed"
            yield Finding(CARD, NAME, "error", message, name, remedy, "license-not-allowed")


CHECK = Check(name=NAME, version="1", run=_run, enabled=lambda model: _allowed(model) is not None)
