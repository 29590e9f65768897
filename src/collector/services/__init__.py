"""One file for each AWS service. A new file is found by its name alone."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from collector.spec import Service


def declared() -> tuple[Service, ...]:
    """All services, in the order of their files' names. Each module of this package declares one as `SERVICE`."""
    names = sorted(module.name for module in iter_modules(__path__))
    return tuple(import_module(f"{__name__}.{name}").SERVICE for name in names)
