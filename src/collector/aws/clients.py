"""One botocore client for each service, shared by every account and region; one pool of connections.

A client is dear (its model, its class, its TLS context) and a region or a set of credentials is only two values of a
request. So a client is built once, off the event loop, and each call carries its own target: botocore's public events
`before-parameter-build` and `before-endpoint-resolution` put it in place.
"""

from __future__ import annotations

import asyncio
import gc
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from aiobotocore.config import AioConfig
from anyio import to_thread
from botocore.exceptions import DataNotFoundError, UnknownServiceError

from collector.aws.credentials import RequestTarget
from collector.aws.fast_path import FastPath
from collector.aws.models import ReadingModels
from collector.aws.paging import Paging, paging_of
from collector.aws.parsers import install
from collector.aws.transport import ConnectionPool, PooledSession, TransportSettings
from collector.model import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import aioboto3

Answer: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Client:
    """A built client, with what its model says of names and pages."""

    boto: Any
    direct: FastPath
    apis: Mapping[str, str]
    paging: Mapping[str, Paging]


_TARGET: ContextVar[RequestTarget] = ContextVar("aim")

GC_THRESHOLD = (50_000, 5, 20)
"""Answers are many and short-lived: the default of 700 has the garbage collector walk what lives long again and again."""


class Clients:
    """The clients of a run."""

    def __init__(self, session: aioboto3.Session, home: str, wire: TransportSettings | None = None) -> None:
        """`home` is the region that clients are built for; every call names its own."""
        self._session = session
        install(session._session)  # noqa: SLF001  (aioboto3 has no door to its core)
        session._session.get_component("data_loader").file_loader = ReadingModels()  # noqa: SLF001  (as above)
        self._home = home
        self._user_agent = f"collector/{__version__} {session._session.user_agent()}"  # noqa: SLF001  (as above)
        self._wire = wire or TransportSettings()
        self._pool = ConnectionPool(self._wire, session._session.get_config_variable("ca_bundle"))  # noqa: SLF001  (no public way)
        self._sharing = type("Shared", (PooledSession,), {"pool": self._pool})
        self._parsers = session._session.get_component("response_parser_factory")  # noqa: SLF001  (as above)
        self._built: dict[str, Client] = {}
        self._building = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    async def warm(self, names: Iterable[str]) -> None:
        """Build these clients ahead of their calls, then take all that lives so far out of the garbage collector's sight."""
        gc.set_threshold(*GC_THRESHOLD)
        for name in names:
            await self.get(name)
        gc.collect()
        gc.freeze()

    async def get(self, name: str) -> Client:
        """The client of a service, built in a thread when it is needed for the first time."""
        built = self._built.get(name)
        if built is not None:
            return built
        async with self._building:  # a botocore session builds one client at a time
            if name not in self._built:
                self._built[name] = await to_thread.run_sync(partial(self._build, name))
        return self._built[name]

    async def call(self, client: Client, op: str, params: Mapping[str, Any], aim: RequestTarget) -> Answer:
        """One request, no retry; the answer without what is told of the transport. Raises what botocore raises."""
        mark = _TARGET.set(aim)
        try:
            answer = await client.direct.call(client.apis[op], params, aim)
            if answer is None:
                answer = await by_botocore(client, op, params)
        finally:
            _TARGET.reset(mark)
        answer.pop("ResponseMetadata", None)  # all headers of an answer often take more memory than what it tells
        return answer

    def _build(self, name: str) -> Client:
        boto = asyncio.run(self._create(name))
        events, service = boto.meta.events, boto.meta.service_model.service_id.hyphenize()
        events.register_first("before-parameter-build", _sign_for_target, unique_id="aim-signing")
        # First of all: S3 may have learnt since that a bucket lives elsewhere, and says so after us.
        events.register_first(f"before-endpoint-resolution.{service}", _resolve_for_target, unique_id="aim-endpoint")
        if name == "s3control":
            events.register("before-sign.s3-control", _without_account, unique_id="aim-host")
        direct = FastPath(boto, self._pool, self._parsers)
        return Client(boto, direct, boto.meta.method_to_api_mapping, self._paging(name))

    async def _create(self, name: str) -> Any:
        config = AioConfig(
            connector_args={"keepalive_timeout": 12.0},
            http_session_cls=self._sharing,
            retries={"mode": "standard", "total_max_attempts": 1},
            user_agent=self._user_agent,
            parameter_validation=False,  # the catalogue's test validates every call, once
            account_id_endpoint_mode="disabled",
            s3={"addressing_style": "path", "us_east_1_regional_endpoint": "regional"},
        )
        return await self._session.client(name, region_name=self._home, config=config).__aenter__()

    def _paging(self, name: str) -> Mapping[str, Paging]:
        loader = self._session._session.get_component("data_loader")  # noqa: SLF001  (aioboto3 has no door to it)
        try:
            declared = loader.load_service_model(name, "paginators-1")["pagination"]
        except (DataNotFoundError, UnknownServiceError):
            return {}
        return {api: paging_of(config) for api, config in declared.items()}


async def by_botocore(client: Client, op: str, params: Mapping[str, Any]) -> Answer:
    """The call as botocore makes it, for what is out of the ordinary. Must run where the call's aim is set."""
    answer: Answer = await getattr(client.boto, op)(**params)
    return answer


def _sign_for_target(context: dict[str, Any], **_: object) -> None:
    aim = _TARGET.get(None)
    if aim is None:
        return
    signing = context.setdefault("signing", {})
    signing["region"] = context["client_region"] = aim.region
    if aim.credentials is not None:
        signing["request_credentials"] = aim.credentials


def _resolve_for_target(builtins: dict[str, Any], **_: object) -> None:
    aim = _TARGET.get(None)
    if aim is not None:
        builtins["AWS::Region"] = aim.region


def _without_account(request: Any, **_: object) -> None:
    """Botocore puts the account before S3 Control's host, and before a host that the user gave, where it names nothing."""
    scheme, _, rest = request.url.partition("://")
    account, _, host = rest.partition(".")
    if account.isdigit() and ".amazonaws.com" not in host.partition("/")[0]:
        request.url = f"{scheme}://{host}"
