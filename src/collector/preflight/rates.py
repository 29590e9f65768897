"""Checks the names of configured rates against the operations that are called."""

from __future__ import annotations

from collector.catalog.catalog import Catalog
from collector.config import ConfigurationError, Settings
from collector.preflight.policy import required_actions


def check_rates(settings: Settings) -> None:
    """Check that every configured rate names a client or an operation that is called.

    Raises:
        ConfigurationError: when a rate names anything else.
    """
    if not settings.rates:
        return  # the actions of all services need botocore's models, which are slow to load
    operations = {name for names in required_actions(Catalog.all()).operations.values() for name in names}
    names = {*operations, *(name.split(":")[0] for name in operations), "sts", "organizations"}
    for name in settings.rates:
        if name not in names:
            raise ConfigurationError(
                f"[rates]: no client or operation that is called is named {name!r}; use names like 'ec2' or 'ec2:DescribeVpcs'"
            )
