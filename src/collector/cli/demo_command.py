"""`demo`: a run against the sample estate."""

from __future__ import annotations

from typing import NoReturn

from collector.catalog.catalog import Catalog
from collector.cli import console
from collector.cli.run_command import finish, run_into
from collector.config import ConfigurationError, Settings
from collector.demo.process import MissingExtraError, sample_estate
from collector.demo.tally import Tally
from collector.sinks import outputs


def demo(settings: Settings) -> NoReturn:
    """Collect the sample estate, including services outside the default set, and say how much of the data model it covers.

    Raises:
        ConfigurationError: if moto is not installed.
    """
    catalog = Catalog.all()
    if not settings.services:
        settings = settings.model_copy(update={"services": tuple(service.name for service in catalog.services)})
    tally = Tally(outputs.sink(settings))
    try:
        with sample_estate():
            result = run_into(tally, settings, unlimited=True)
    except MissingExtraError as error:
        raise ConfigurationError(str(error)) from error
    if not result.closed and settings.log_format != "json":  # there the summary is the last line
        console.message(
            settings, f"JupiterOne's published data model for AWS: {tally.seen.summary(catalog)} in this estate"
        )
    finish(result)
