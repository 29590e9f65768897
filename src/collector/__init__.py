"""Collects AWS accounts as a graph in JupiterOne's data model. This is the whole public API; everything else is private.

Settings say what to collect; `collect` yields entities and relationships as they are found, and the report at the end.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collector.catalog.catalog import Catalog
    from collector.config import ConfigurationError, Settings
    from collector.faults import CallFailed
    from collector.model import Record, __version__
    from collector.report import Report

__all__ = ["CallFailed", "Catalog", "ConfigurationError", "Record", "Report", "Settings", "__version__", "collect"]

_HOMES = {
    "CallFailed": "collector.faults",
    "Catalog": "collector.catalog.catalog",
    "ConfigurationError": "collector.config",
    "Record": "collector.model",
    "Report": "collector.report",
    "Settings": "collector.config",
    "__version__": "collector.model",
}


def collect(settings: Settings) -> AsyncGenerator[Record, None]:
    """Collect AWS accounts and yield each entity and relationship; the last item is the `Report`.

    A relationship follows the entities that it connects. The run waits while the caller processes a record, and is cancelled when the
    iteration is closed. `settings` that concern outputs (`output`, `spool`, `report`, …), logs and progress have no effect. Signals are
    left to the caller.

    Raises:
        CallFailed: if no account could be reached.
        ConfigurationError: if a service or a region does not exist, or the AWS settings of this machine cannot be used.
    """
    from collector.workers.stream import stream  # noqa: PLC0415  (loads the AWS SDK)

    return stream(settings)


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that `collector --help` does not load the AWS SDK."""
    from importlib import import_module  # noqa: PLC0415  (as above)

    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
