"""How hard the user's policy judges what may run code when a model is loaded."""

from common.findings import Severity
from validators.base import Model


def code_severity(model: Model) -> Severity:
    """Give ``error`` under ``safe-only``; elsewhere code is named and left to the user."""
    return "error" if model.policy == "safe-only" else "warning"
