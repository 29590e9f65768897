"""Serves the sample estate on a free port of the loopback interface.

``estate_server`` serves it from a thread of this process. ``python -m collector.demo.server`` serves it from a process
of its own, which prints a line ``{"url": …}`` once everything is seeded and exits on SIGTERM or when its standard
input closes.

Moto keeps its state per process, so a process can serve one estate at a time.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any
from unittest import mock

import orjson
from moto import settings
from moto.core.config import default_user_config
from moto.ec2.models import ec2_backends
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, iam_backends
from moto.moto_api import state_manager
from moto.moto_api._internal import mock_random, moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from collector.demo.estate import seed
from collector.demo.estate.identity import AWS_POLICIES
from collector.demo.estate.seeded import SeededIds
from collector.demo.fixtures import fixtures, patches
from collector.demo.places import ENABLED_REGIONS, HOME, PARTNER
from collector.demo.repairs import REPAIRS
from collector.demo.stand_ins import STAND_INS
from collector.demo.stub import Stub

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOPBACK = "127.0.0.1"

_moto_in_use = Lock()


@dataclass(frozen=True)
class EstateServer:
    """A running server: its base URL, the stub in front of moto, and the ids of the seeded resources."""

    url: str
    stub: Stub
    ids: SeededIds


@contextmanager
def estate_server(*, seeded: bool = True) -> Iterator[EstateServer]:
    """Serves the sample estate, or an empty moto, until the context exits.

    Raises:
        RuntimeError: This process already serves an estate.
    """
    with _own_moto():
        stub = Stub(DomainDispatcherApplication(_moto_service))
        stub.fixtures.update(STAND_INS)
        stub.patches.update(REPAIRS)
        with _listening(stub) as url:
            yield EstateServer(url, stub, _seeded(stub, url) if seeded else SeededIds())


def _seeded(stub: Stub, url: str) -> SeededIds:
    # Nearly all of half a million new objects live as long as the estate; traversing them takes a quarter of the time.
    gc.disable()
    try:
        ids = seed(url)
    finally:
        gc.freeze()
        gc.enable()
    stub.fixtures.update(fixtures(ids))
    stub.patches.update(patches(ids))
    stub.clear_calls()
    # Moto creates the default VPC of a region on first use. Using every region now keeps the ids reproducible.
    for account in (HOME, PARTNER, ids.member_account):
        for region in ENABLED_REGIONS:
            ec2_backends[account][region].describe_vpcs()
    return ids


@contextmanager
def _own_moto() -> Iterator[None]:
    if not _moto_in_use.acquire(blocking=False):
        raise RuntimeError("this process serves an estate already")
    try:
        # Moto reads this on first use of a region. The estate has no images and snapshots of Amazon.
        with mock.patch.dict(os.environ, {"MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}):
            _empty_moto()
            yield
    finally:
        gc.unfreeze()
        _moto_in_use.release()


def _empty_moto() -> None:
    """Resets moto and makes it reproducible: no containers, no state changes over time, the same ids every time."""
    moto_api_backend.reset()
    mock_random.seed(42)
    settings.ACM_VALIDATION_WAIT = 0
    default_user_config["batch"] = {"use_docker": False}
    default_user_config["lambda"] = {"use_docker": False}
    state_manager.set_transition("ecs::task", {"progression": "manual", "times": sys.maxsize})
    state_manager.set_transition("cloudfront::distribution", {"progression": "immediate"})
    _provide_managed_policies()


def _provide_managed_policies() -> None:
    """Adds the AWS managed policies that the estate attaches: IAM only returns those in use.

    Moto can load all of them, but that takes seconds, and it would return all of them.
    """
    managed = orjson.loads(aws_managed_policies_data)
    iam = iam_backends[HOME]["aws"]
    for name in AWS_POLICIES:
        policy = AWSManagedPolicy.from_data(name, HOME, "aws", managed[name])
        iam.managed_policies[policy.arn] = policy


class _QuietHandler(MotoRequestHandler):  # type: ignore[misc] # moto is untyped
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Logs errors only, not every request."""
        if type == "error":
            logging.getLogger("collector.demo").error(message, *args)

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:  # noqa: ARG002 - werkzeug's
        """Closes a connection that the stub has reset."""
        self.close_connection = True


@cache
def _moto_service(name: str | None) -> Any:
    """Moto's web application for a service. Moto itself raises an unrelated error for a service that it lacks."""
    if name is None:
        raise NotImplementedError
    return create_backend_app(name)


@contextmanager
def _listening(app: Stub) -> Iterator[str]:
    server = make_server(LOOPBACK, 0, app, threaded=True, request_handler=_QuietHandler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="demo estate", daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main(*, seeded: bool = True) -> None:
    """Serves the sample estate, or an empty moto, until standard input closes or SIGTERM arrives."""
    _clear_aws_settings()
    stopped = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    if not sys.stdin.isatty():
        # Ctrl-C at the terminal reaches child processes too, but the collector decides when this one stops.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    with estate_server(seeded=seeded) as server:
        sys.stdout.buffer.write(orjson.dumps({"url": server.url}) + b"\n")
        sys.stdout.buffer.flush()
        # Moto prints about services that it lacks, and nobody reads standard output after the first line.
        sys.stdout = sys.stderr
        Thread(target=_wait_for_end_of_input, args=(stopped,), daemon=True).start()
        stopped.wait()


def _wait_for_end_of_input(stopped: Event) -> None:
    # Not through Python's buffer: a daemon thread must not hold its lock when the process exits.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stopped.set()


def _clear_aws_settings() -> None:
    """Removes AWS settings of the user, such as profile and endpoints, so that they do not affect the seeding."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "MOTO_"))]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


if __name__ == "__main__":
    main()
