"""One botocore client for each service, shared by all accounts and regions, and one connection pool for all clients.

A client is expensive (model, class, TLS context), while region and credentials are only two values of a request. So a
client is built once, off the event loop, and each call carries its own `RequestTarget`, which handlers of botocore's
public events `before-parameter-build` and `before-endpoint-resolution` apply.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, TypeAlias
from urllib.parse import urlsplit

import aioboto3
from aiobotocore.config import AioConfig
from anyio import to_thread
from botocore import xform_name
from botocore.exceptions import BotoCoreError, DataNotFoundError, InvalidEndpointConfigurationError, UnknownServiceError

from collector.aws.availability import Availability
from collector.aws.credentials import RequestTarget
from collector.aws.fast_path import FastPath
from collector.aws.models import install_models
from collector.aws.paging import Paging, paging_of
from collector.aws.parsers import install
from collector.aws.transport import ConnectionPool, PooledSession, TransportSettings
from collector.model import __version__

Answer: TypeAlias = dict[str, Any]
"""The parsed response of a call, without `ResponseMetadata`."""

Params: TypeAlias = Mapping[str, Any]
"""The parameters of a call, as botocore names them."""


@dataclass(frozen=True, slots=True)
class Client:
    """A botocore client, with the API name of each method (`list_users` to `ListUsers`) and the paging of each API."""

    boto: Any
    fast_path: FastPath
    apis: Mapping[str, str]
    paging: Mapping[str, Paging]


_TARGET: ContextVar[RequestTarget] = ContextVar("target")

GC_THRESHOLD = (50_000, 5, 20)
"""Responses are many and short-lived: with the default of 700, long-lived objects would be scanned over and over."""


class Clients:
    """The botocore clients of a run, built for the region `home`; each call names its own region.

    `availability` is what botocore's endpoint data say about services and regions.
    """

    def __init__(self, session: aioboto3.Session, home: str, settings: TransportSettings | None = None) -> None:
        self._session = session
        core = session._session  # noqa: SLF001  (aioboto3 does not expose its aiobotocore session)
        install(core)
        install_models(core.get_component("data_loader"))
        self._home = home
        self._user_agent = f"collector/{__version__} {core.user_agent()}"
        self._pool = ConnectionPool(settings or TransportSettings(), core.get_config_variable("ca_bundle"))
        self.availability = Availability(core.get_component("data_loader").load_data("endpoints"))
        self._parsers = core.get_component("response_parser_factory")
        self._built: dict[str, Client] = {}
        self._building = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    async def warm(self, names: Iterable[str]) -> None:
        """Build clients ahead of their first calls, then exempt all objects created so far from garbage collection."""
        gc.set_threshold(*GC_THRESHOLD)
        for name in names:
            with suppress(Exception):  # its first call raises it again, and reports it
                await self.get(name)
        gc.collect()
        gc.freeze()

    async def get(self, name: str) -> Client:
        """The client of a service, built in a worker thread on first use.

        Raises:
            BotoCoreError: if a setting, as of its endpoint or region, cannot be used.
        """
        built = self._built.get(name)
        if built is not None:
            return built
        async with self._building:  # building clients from one botocore session is not thread-safe
            if name not in self._built:
                self._built[name] = await to_thread.run_sync(partial(self._build, name))
        return self._built[name]

    def api(self, name: str, op: str) -> str:
        """The API name of a method, `list_users` to `ListUsers`, of a client that could not be built."""
        loader = self._session._session.get_component("data_loader")  # noqa: SLF001  (as above)
        apis = loader.load_service_model(name, "service-2")["operations"]
        return next((api for api in apis if xform_name(api) == op), op)

    async def call(self, client: Client, op: str, params: Params, target: RequestTarget) -> Answer:
        """Make one request, without retries. Raises botocore's exceptions."""
        reset = _TARGET.set(target)
        try:
            answer = await client.fast_path.call(client.apis[op], params, target)
            if answer is None:
                answer = await by_botocore(client, op, params)
        finally:
            _TARGET.reset(reset)
        answer.pop("ResponseMetadata", None)  # the headers often take more memory than the content
        return answer

    def _build(self, name: str) -> Client:
        try:
            boto = asyncio.run(self._create(name))
            _check_endpoint(boto.meta.endpoint_url)
        except ValueError as error:
            if isinstance(error, BotoCoreError):
                raise
            raise InvalidEndpointConfigurationError(msg=f"{error} (of {name})") from error
        events, service = boto.meta.events, boto.meta.service_model.service_id.hyphenize()
        events.register_first("before-parameter-build", _sign_for_target, unique_id="target-signing")
        # First, so that S3's redirector, which may have learnt the actual region of a bucket, runs later and wins.
        events.register_first(f"before-endpoint-resolution.{service}", _resolve_for_target, unique_id="target-endpoint")
        if name == "s3control":
            events.register("before-sign.s3-control", _without_account, unique_id="target-host")
        fast_path = FastPath(boto, self._pool, self._parsers)
        return Client(boto, fast_path, boto.meta.method_to_api_mapping, self._paging(name))

    async def _create(self, name: str) -> Any:
        config = AioConfig(
            http_session_cls=partial(PooledSession, self._pool),
            retries={"mode": "standard", "total_max_attempts": 1},
            user_agent=self._user_agent,
            parameter_validation=False,  # the tests of the catalogue validate every call once
            account_id_endpoint_mode="disabled",
            s3={"addressing_style": "path", "us_east_1_regional_endpoint": "regional"},
        )
        unused = {"aws_access_key_id": "unused", "aws_secret_access_key": "unused"}  # each call has its own keys
        return await self._session.client(name, region_name=self._home, config=config, **unused).__aenter__()

    def _paging(self, name: str) -> Mapping[str, Paging]:
        loader = self._session._session.get_component("data_loader")  # noqa: SLF001  (as above)
        try:
            paginators = loader.load_service_model(name, "paginators-1")["pagination"]
        except (DataNotFoundError, UnknownServiceError):
            return {}
        return {api: paging_of(config) for api, config in paginators.items()}


async def by_botocore(client: Client, op: str, params: Params) -> Answer:
    """Make a call that the fast path does not support through botocore. Must run while the call's target is set."""
    answer: Answer = await getattr(client.boto, op)(**params)
    return answer


def _check_endpoint(url: str) -> None:
    """Raise `ValueError` if no request can be sent to an endpoint; botocore does not look at scheme and port."""
    parts = urlsplit(url)
    _ = parts.port
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"Invalid endpoint: {url}")


def _sign_for_target(context: dict[str, Any], **_: object) -> None:
    target = _TARGET.get(None)
    if target is None:
        return
    signing = context.setdefault("signing", {})
    signing["region"] = context["client_region"] = target.region
    if target.credentials is not None:
        signing["request_credentials"] = target.credentials


def _resolve_for_target(builtins: dict[str, Any], **_: object) -> None:
    target = _TARGET.get(None)
    if target is not None:
        builtins["AWS::Region"] = target.region


def _without_account(request: Any, **_: object) -> None:
    """Remove the account id that botocore prepends to S3 Control's host, if the host is a custom endpoint."""
    scheme, _, rest = request.url.partition("://")
    account, _, host = rest.partition(".")
    if account.isdigit() and ".amazonaws.com" not in host.partition("/")[0]:
        request.url = f"{scheme}://{host}"
