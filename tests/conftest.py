"""The sample estate for end-to-end tests: aioboto3 against moto's server, behind a stub that injects faults."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest
import structlog

from collector.demo.process import SETTINGS
from collector.demo.server import EstateServer, estate_server


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Silences logs, except in tests that configure them."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")  # moto keeps its state per process: one estate at a time
def running_estate() -> Iterator[EstateServer]:
    with estate_server() as server:
        yield server


@pytest.fixture
def estate(running_estate: EstateServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[EstateServer]:
    """The server with an empty call log and no faults; the environment points AWS clients at it."""
    for name, value in {**SETTINGS, "AWS_ENDPOINT_URL": running_estate.url}.items():
        monkeypatch.setenv(name, value)
    running_estate.stub.clear_calls()
    running_estate.stub.faults.clear()
    yield running_estate
    running_estate.stub.faults.clear()


def pytest_unconfigure() -> None:
    # One collection still finds leaks. pytest and the interpreter would traverse the million objects of moto ten times.
    gc.collect()
    gc.freeze()
