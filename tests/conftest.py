"""The sample estate for end-to-end tests: aioboto3 against moto's server, behind a stub that injects faults."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
import structlog

from collector.config import ENV_PREFIX, SETTINGS, env_name
from collector.demo.process import SETTINGS as AWS_SETTINGS
from collector.demo.server import EstateServer, estate_server
from tests.runs import Collected, collect


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Silences logs, except in tests that configure them."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True, scope="session")
def no_settings_from_outside() -> Iterator[None]:
    """Removes the user's settings of the collector from the environment."""
    names = {env_name(name) for name in SETTINGS}
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.upper() in names or name.upper().startswith(ENV_PREFIX)]:
            environment.delenv(name)
        yield


@pytest.fixture(scope="session")  # moto keeps its state per process: one estate at a time
def running_estate() -> Iterator[EstateServer]:
    with estate_server() as server:
        yield server


@pytest.fixture
def estate(running_estate: EstateServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[EstateServer]:
    """The server with an empty call log and no faults; the environment points AWS clients at it.

    Faults, fixtures and patches that a test adds or removes are restored.
    """
    stub = running_estate.stub
    _point_at(running_estate, monkeypatch)
    stub.clear_calls()
    stub.faults.clear()
    fixtures, patches = dict(stub.fixtures), dict(stub.patches)
    yield running_estate
    stub.faults.clear()
    stub.fixtures, stub.patches = fixtures, patches


@pytest.fixture(scope="session")
def undisturbed(running_estate: EstateServer) -> Callable[..., Collected]:
    """Makes a run without faults, once for each set of options. For fixtures of tests that only read the result."""

    @cache
    def run(**options: Any) -> Collected:
        with pytest.MonkeyPatch.context() as environment:
            _point_at(running_estate, environment)
            running_estate.stub.clear_calls()
            collected = asyncio.run(collect(**options))
        collected.calls = running_estate.stub.calls
        return collected

    return run


@pytest.fixture(scope="session")
def sample(undisturbed: Callable[..., Collected]) -> Collected:
    """A run over the whole sample estate with all services, raw data, and the tags from options. Read only."""
    return undisturbed(
        services="all,inspector,waf", raw=True, account_name="Acme", tag_account_name=True, tag_production=True
    )


def _point_at(estate: EstateServer, environment: pytest.MonkeyPatch) -> None:
    for name, value in {**AWS_SETTINGS, "AWS_ENDPOINT_URL": estate.url}.items():
        environment.setenv(name, value)


def pytest_unconfigure() -> None:
    # One collection still finds leaks. pytest and the interpreter would traverse the million objects of moto ten times.
    gc.collect()
    gc.freeze()
