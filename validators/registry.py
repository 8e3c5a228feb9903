"""Finding the checks: every module of `validators.checks` is one."""

import importlib
import pkgutil
import re
from collections.abc import Iterable

from common.errors import UsageError
from validators import checks as package
from validators.base import Check

_TITLE = re.compile(r"^Check `[^`]+`: ")


def names() -> list[str]:
    """Give the names of the modules that hold a check, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def load(module: str) -> Check:
    """Import one module of `validators.checks` and give its check."""
    check = importlib.import_module(f"{package.__name__}.{module}").CHECK
    assert isinstance(check, Check), f"validators/checks/{module}.py offers no CHECK"  # noqa: S101
    return check


def descriptions() -> dict[str, str]:
    """Say of every check, by its name, what it is: how the text of its module begins."""
    return {check.name: _description(module) for module, check in all_checks().items()}


def _description(module: str) -> str:
    text = importlib.import_module(f"{package.__name__}.{module}").__doc__ or ""
    first = " ".join(text.partition("\n\n")[0].split()).replace("``", "")
    said = _TITLE.sub("", first)
    return said[:1].upper() + said[1:]


def all_checks(only: Iterable[str] | None = None) -> dict[str, Check]:
    """Give the checks by module, in the order in which they run and are reported: by name.

    Args:
        only: names of checks; None means all.

    Raises:
        UsageError: `only` names a check that there is not.
    """
    found = {module: load(module) for module in names()}
    wanted = None if only is None else set(only)
    unknown = (wanted or set()) - {check.name for check in found.values()}
    if unknown:
        known = ", ".join(sorted(check.name for check in found.values()))
        raise UsageError("there is no check of this name", ", ".join(sorted(unknown)), known)
    order = sorted(found.items(), key=lambda item: item[1].name)
    return {module: check for module, check in order if wanted is None or check.name in wanted}
