"""The short way of a call: botocore's serialiser and endpoint rules, our signature, our pool, our parsers.

A botocore client walks through a dozen hooks for each call and copies and converts it several times; on a small call that is most
of the cost, and for most operations no hook has anything to do. What is out of the ordinary is left to it: streams, checksums,
idempotency tokens, host prefixes, other signatures, odd names of buckets, and answers of S3 that may mean another region.
Tests hold every request equal to the one that botocore would send.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from urllib.parse import urlencode

from botocore.awsrequest import prepare_request_dict
from botocore.exceptions import ClientError
from botocore.handlers import add_accept_header, fix_route53_ids, remove_bucket_from_url_paths_from_model

from collector.aws.parsers.policies import PolicyDecoder
from collector.aws.parsers.protocols import Planned
from collector.aws.signing import CredentialScope, sign

if TYPE_CHECKING:
    from collector.aws.credentials import RequestTarget
    from collector.aws.transport import ConnectionPool, Received

Hook: TypeAlias = Callable[..., None]
"""A listener of botocore's, called with `params` (of the call, or the request) and `model`, which it may change."""

BEFORE: Mapping[str, Hook] = {"route53": fix_route53_ids}
"""Services whose parameters botocore changes."""

PREPARED: Mapping[str, Hook] = {"apigateway": add_accept_header}
"""Services whose serialised requests botocore changes."""

AFTER: Mapping[str, Hook] = {"iam": PolicyDecoder().after_call}
"""Services whose answers botocore changes; called with `parsed` and `model`."""

SPECIAL = frozenset({("s3", "GetBucketLocation")})
"""Operations whose answers botocore reads in a way of its own."""

RULE_PARAMETERS = frozenset({"Bucket", "ResourceArn"})
"""Parameters that endpoint rules ask for: the bucket goes into the path, the ARN into hosts of accounts, which are switched off."""

ORDINARY_SIGNATURES = frozenset({"v4", "s3v4"})

ELSEWHERE = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.TEMPORARY_REDIRECT}
)
"""Answers of S3 that may mean another region; botocore knows how to tell."""

BUCKET = re.compile(r"(?!.*(--x-s3|-s3alias|--ol-s3|\.mrap|\.\.))[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""Names of ordinary buckets; the endpoint rules treat all of them alike."""

_ANY_BUCKET = "any-bucket"
_FAILED_AFTER_ALL = re.compile(rb"\s*(<\?xml[^>]*\?>)?\s*<Error[\s>]")
"""S3 begins some answers before it knows that they fail: an error with the status of a success."""


class OperationEndpoint(NamedTuple):
    """Where an operation is asked in a region, the headers that takes, and what its signature is good for."""

    url: str
    headers: Mapping[str, str]
    scope: CredentialScope


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation that can go the short way. `of_bucket` tells that the bucket is part of the path."""

    model: Any
    of_bucket: bool


class FastPath:
    """The short way for one client."""

    def __init__(self, boto: Any, pool: ConnectionPool, parsers: Any) -> None:
        """`parsers` is the session's response parser factory."""
        self._boto, self._pool = boto, pool
        self._service = boto.meta.service_model.service_name
        self._parser = parsers.create_parser(boto.meta.service_model.resolved_protocol)
        self._agent = boto._user_agent_creator.to_string()  # noqa: SLF001  (no public way)
        self._serializer = boto._serializer  # noqa: SLF001  (as above)
        self._operations: dict[str, Operation | None] = {}
        self._targets: dict[tuple[str, str], OperationEndpoint | None] = {}

    async def call(self, api: str, params: Mapping[str, Any], aim: RequestTarget) -> dict[str, Any] | None:
        """The parsed answer, or None if botocore has to make this call. Must run where the call's aim is set.

        Raises:
            botocore.exceptions.ClientError: when AWS refuses; what the pool raises when there is no answer.
        """
        operation = self._operation(api)
        if (
            aim.credentials is None
            or operation is None
            or (operation.of_bucket and not BUCKET.fullmatch(params["Bucket"]))
        ):
            return None
        target = await self._target(operation.model, aim.region)
        if target is None:
            return None
        method, url, headers, body = self._request(operation, params, target)
        keys = await aim.credentials.get_frozen_credentials()
        sign(headers, method, url, body, target.scope, keys, datetime.now(UTC))
        received = await self._pool.fetch(method, url, headers, body)
        if self._service == "s3":
            if received.status in ELSEWHERE:
                return None
            if received.status < HTTPStatus.MULTIPLE_CHOICES and _FAILED_AFTER_ALL.match(received.body):
                received = received._replace(status=HTTPStatus.INTERNAL_SERVER_ERROR)
        return await self._answer(operation.model, received)

    def _operation(self, api: str) -> Operation | None:
        if api not in self._operations:
            model = self._boto.meta.service_model.operation_model(api)
            self._operations[api] = self._prepared(model) if self._is_ordinary(model) else None
        return self._operations[api]

    def _is_ordinary(self, model: Any) -> bool:
        of_params = {name.name for name in model.context_parameters}
        return (
            (self._service, model.name) not in SPECIAL
            and not (model.has_streaming_output or model.has_streaming_input or model.has_event_stream_output)
            and not (model.idempotent_members or model.http_checksum or model.http_checksum_required)
            and not (model.endpoint or model.is_endpoint_discovery_operation or model.request_compression)
            and not (model.unsigned_payload or model.operation_context_parameters)
            and not of_params - RULE_PARAMETERS
            and isinstance(self._parser, Planned)
        )

    def _prepared(self, model: Any) -> Operation:
        if of_bucket := _of_bucket(model):
            remove_bucket_from_url_paths_from_model(None, model, None)
        return Operation(model, of_bucket)

    async def _target(self, model: Any, region: str) -> OperationEndpoint | None:
        """Where to ask, worked out once for each region; for each operation only where the rules tell them apart."""
        own_rules = model.static_context_parameters or model.context_parameters
        key = (region, model.name if own_rules else "")
        if key not in self._targets:
            self._targets[key] = await self._resolved(model, region)
        return self._targets[key]

    async def _resolved(self, model: Any, region: str) -> OperationEndpoint | None:
        context: dict[str, Any] = {"client_region": region}
        params = {"Bucket": _ANY_BUCKET} if _of_bucket(model) else {}
        url, headers, _ = await self._boto._resolve_endpoint_ruleset(model, params, context)  # noqa: SLF001  (as above)
        signing = context.get("signing", {})
        kind = context.get("auth_type") or model.resolved_auth_type or self._boto.meta.config.signature_version
        if kind not in ORDINARY_SIGNATURES:
            return None
        if params:
            url, _, bucket = url.rpartition("/")
            if bucket != _ANY_BUCKET:
                return None
        name = signing.get("signing_name") or model.service_model.signing_name
        return OperationEndpoint(url, headers, CredentialScope(name, signing.get("region") or region))

    def _request(
        self, operation: Operation, params: Mapping[str, Any], target: OperationEndpoint
    ) -> tuple[str, str, dict[str, str], bytes]:
        """Method, URL, headers, body."""
        model = operation.model
        if hook := BEFORE.get(self._service):
            params = dict(params)
            hook(params=params, model=model)
        request = self._serializer.serialize_to_request(params, model)
        request["headers"] = {**request["headers"], **target.headers}
        url = f"{target.url}/{params['Bucket']}" if operation.of_bucket else target.url
        prepare_request_dict(request, url, user_agent=self._agent)
        if hook := PREPARED.get(self._service):
            hook(params=request, model=model)
        return request["method"], request["url"], request["headers"], _body(request["body"])

    async def _answer(self, model: Any, received: Received) -> dict[str, Any]:
        told = {
            "headers": received.headers,
            "status_code": received.status,
            "context": {"operation_name": model.name},
            "body": received.body,
        }
        failed = received.status >= HTTPStatus.MULTIPLE_CHOICES
        parsed: dict[str, Any] | None = None if failed else self._parser.planned(told, model.output_shape)
        if parsed is None:
            parsed = await self._parser.parse(told, model.output_shape)
        if failed:
            raise ClientError(parsed, model.name)
        if hook := AFTER.get(self._service):
            hook(parsed=parsed, model=model)
        return parsed


def _of_bucket(model: Any) -> bool:
    return any(name.name == "Bucket" for name in model.context_parameters)


def _body(body: bytes | str | dict[str, Any]) -> bytes:
    """The bytes of a body; the query protocol's parameters come as a dict."""
    if isinstance(body, dict):
        return urlencode(body, doseq=True).encode()
    return body.encode() if isinstance(body, str) else body
