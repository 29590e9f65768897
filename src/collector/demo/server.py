"""The sample estate on a free port of the loopback interface.

``estate_server`` runs it in a thread of this process. ``python -m collector.demo.server`` runs it in a process of
its own: that prints ``{"url": …}`` on a line once everything is seeded, and ends when its standard input is closed
or on SIGTERM.

Moto keeps its state per process, so a process has room for one estate at a time.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
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
    """A running server: where it listens, the stub in front of moto, and the ids of what has been seeded."""

    url: str
    stub: Stub
    made: SeededIds


@contextmanager
def estate_server(*, seeded: bool = True) -> Iterator[EstateServer]:
    """Serves the sample estate, or an empty moto, until the block is left.

    Raises:
        RuntimeError: when this process serves an estate already.
    """
    with _own_moto():
        stub = Stub(DomainDispatcherApplication(_moto_service))
        stub.fixtures.update(STAND_INS)
        stub.patches.update(REPAIRS)
        with _listening(stub) as url:
            yield EstateServer(url, stub, _seeded(stub, url) if seeded else SeededIds())


def _seeded(stub: Stub, url: str) -> SeededIds:
    with _garbage_collection_paused():
        made = seed(url)
    stub.fixtures.update(fixtures(made))
    stub.patches.update(patches(made))
    stub.clear_calls()
    # Default networks come into being when a region is first used. Using all now keeps their ids the same.
    for account in (HOME, PARTNER, made.member_account):
        for region in ENABLED_REGIONS:
            ec2_backends[account][region].describe_vpcs()
    return made


@contextmanager
def _garbage_collection_paused() -> Iterator[None]:
    """Pauses the garbage collector: of half a million new objects nearly all stay, and it takes a quarter of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _own_moto() -> Iterator[None]:
    if not _moto_in_use.acquire(blocking=False):
        raise RuntimeError("this process serves an estate already")
    try:
        # Moto looks at this whenever a region is first used: there shall be no images and snapshots of Amazon's.
        with mock.patch.dict(os.environ, {"MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}):
            _empty_moto()
            yield
    finally:
        _moto_in_use.release()


def _empty_moto() -> None:
    """Empties moto and makes it repeatable: no containers, no passing of time, the same identifiers each time."""
    moto_api_backend.reset()
    mock_random.seed(42)
    settings.ACM_VALIDATION_WAIT = 0
    default_user_config["batch"] = {"use_docker": False}
    default_user_config["lambda"] = {"use_docker": False}
    state_manager.set_transition("ecs::task", {"progression": "manual", "times": sys.maxsize})
    state_manager.set_transition("cloudfront::distribution", {"progression": "immediate"})
    _provide_managed_policies()


def _provide_managed_policies() -> None:
    """Adds the policies of AWS that the estate attaches, since an account reports those in use and no others.

    Moto could load all of them, but would then take seconds to do so and report them all.
    """
    known = orjson.loads(aws_managed_policies_data)
    iam = iam_backends[HOME]["aws"]
    for name in AWS_POLICIES:
        policy = AWSManagedPolicy.from_data(name, HOME, "aws", known[name])
        iam.managed_policies[policy.arn] = policy


class _QuietHandler(MotoRequestHandler):  # type: ignore[misc] # moto is not typed for us
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Leaves out the line per request; errors are ours and are told."""
        if type == "error":
            logging.getLogger("collector.demo").error(message, *args)

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:  # noqa: ARG002 - werkzeug's
        """Waits for no further request on a connection that the stub has reset."""
        self.close_connection = True


def _moto_service(name: str | None) -> Any:
    """Moto's web application for a service; moto itself stumbles over services that it does not know."""
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


def main() -> None:
    """Serves until the standard input ends or the process is told to terminate."""
    _forget_aws_settings()
    over = Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    if not sys.stdin.isatty():
        # An interrupt typed at the collector reaches its children too: it decides when this one may go.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    with estate_server() as server:
        # All this stays to the end: the garbage collector need not look through it, at the end least of all.
        gc.freeze()
        sys.stdout.buffer.write(orjson.dumps({"url": server.url}) + b"\n")
        sys.stdout.buffer.flush()
        # Moto prints about services that it does not know, and nobody reads on.
        sys.stdout = sys.stderr
        Thread(target=_wait_for_end_of_input, args=(over,), daemon=True).start()
        over.wait()


def _wait_for_end_of_input(over: Event) -> None:
    # Past Python's buffer, whose lock a thread must not hold when the process ends.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    over.set()


def _forget_aws_settings() -> None:
    """Keeps the user's profile, endpoints and accounts out of the seeding."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "MOTO_"))]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


if __name__ == "__main__":
    main()
