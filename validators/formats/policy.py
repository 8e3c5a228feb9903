"""How hard the user's policy judges what may run code, and how a user accepts it."""

import json

from common.findings import Severity
from validators.base import Model


def code_severity(model: Model) -> Severity:
    """Give ``error`` under ``safe-only``; elsewhere code is named and left to the user."""
    return "error" if model.policy == "safe-only" else "warning"


def allow(attribute: str, name: str) -> str:
    """Give the Nix text that accepts one name, ready to paste."""
    quoted = json.dumps(name, ensure_ascii=False).replace("${", "\\${")
    return f"if you trust it: security.{attribute} = [ {quoted} ];"
