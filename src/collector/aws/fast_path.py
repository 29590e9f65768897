"""Fast path of a call: botocore's serializer and endpoint rules with our signing, connection pool and parsers.

A botocore client runs a dozen hooks for each call and copies and converts it repeatedly. On a small call that is most
of the cost, and for most operations no hook has any effect. Special cases are left to botocore: streams, checksums,
idempotency tokens, host prefixes, other signatures, unusual bucket names, and S3 responses that may mean another
region. Tests compare each request with botocore's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlencode

from botocore.awsrequest import prepare_request_dict
from botocore.exceptions import ClientError
from botocore.handlers import add_accept_header, fix_route53_ids, remove_bucket_from_url_paths_from_model

from collector.aws.credentials import RequestTarget
from collector.aws.parsers.policies import PolicyDecoder
from collector.aws.parsers.protocols import PlannedParser
from collector.aws.signing import CredentialScope, sign
from collector.aws.transport import ConnectionPool, Received

Hook: TypeAlias = Callable[..., None]
"""A botocore event handler, called with `params` (of the call, or the request) and `model`; it may change `params`."""

PARAMETER_HOOKS: Mapping[str, Hook] = {"route53": fix_route53_ids}
"""Handlers that change the parameters of a call, by service."""

REQUEST_HOOKS: Mapping[str, Hook] = {"apigateway": add_accept_header}
"""Handlers that change the serialized request, by service."""

RESPONSE_HOOKS: Mapping[str, Hook] = {"iam": PolicyDecoder().after_call}
"""Handlers that change the parsed response, by service; called with `parsed` and `model`."""

CUSTOM_PARSED = frozenset({("s3", "GetBucketLocation")})
"""Operations whose responses a botocore handler parses."""

RULE_PARAMETERS = frozenset({"Bucket", "ResourceArn"})
"""Supported endpoint rule parameters: the bucket goes into the path; the ARN selects account-based hosts (disabled)."""

SUPPORTED_SIGNATURES = frozenset({"v4", "s3v4"})

S3_REDIRECTS = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.TEMPORARY_REDIRECT}
)
"""Status codes with which S3 may report that a bucket is in another region; botocore's redirector handles them."""

BUCKET = re.compile(r"(?!.*(--x-s3|-s3alias|--ol-s3|\.mrap|\.\.))[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""Names of general purpose buckets; the endpoint rules treat all of them alike."""

_ANY_BUCKET = "any-bucket"
_ERROR_BODY = re.compile(rb"\s*(<\?xml[^>]*\?>)?\s*<Error[\s>]")
"""S3 starts some responses before the operation has succeeded: the body can be an error although the status is 200."""


class OperationEndpoint(NamedTuple):
    """The endpoint of an operation in a region, the headers it requires, and the credential scope of its signature."""

    url: str
    headers: Mapping[str, str]
    scope: CredentialScope


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation that the fast path supports. `has_bucket`: the bucket name is part of the path."""

    model: Any
    has_bucket: bool


class FastPath:
    """The fast path of one botocore client. `parsers` is the session's response parser factory."""

    def __init__(self, boto: Any, pool: ConnectionPool, parsers: Any) -> None:
        self._boto, self._pool = boto, pool
        self._service = boto.meta.service_model.service_name
        self._parser = parsers.create_parser(boto.meta.service_model.resolved_protocol)
        self._agent = boto._user_agent_creator.to_string()  # noqa: SLF001  (no public equivalent)
        self._serializer = boto._serializer  # noqa: SLF001  (as above)
        self._operations: dict[str, Operation | None] = {}
        self._endpoints: dict[tuple[str, str], OperationEndpoint | None] = {}

    async def call(self, api: str, params: Mapping[str, Any], target: RequestTarget) -> dict[str, Any] | None:
        """Make a call; None if botocore has to make it. Must run while the call's target is set.

        Raises:
            botocore.exceptions.ClientError: if AWS returns an error.
            botocore.exceptions.BotoCoreError: if there is no usable response.
        """
        operation = self._operation(api)
        if (
            target.credentials is None
            or operation is None
            or (operation.has_bucket and not BUCKET.fullmatch(params["Bucket"]))
        ):
            return None
        endpoint = await self._endpoint(operation.model, target.region)
        if endpoint is None:
            return None
        method, url, headers, body = self._request(operation, params, endpoint)
        keys = await target.credentials.get_frozen_credentials()
        sign(headers, method, url, body, endpoint.scope, keys, datetime.now(UTC))
        received = await self._pool.fetch(method, url, headers, body)
        if self._service == "s3":
            if received.status in S3_REDIRECTS:
                return None
            if received.status < HTTPStatus.MULTIPLE_CHOICES and _ERROR_BODY.match(received.body):
                received = received._replace(status=HTTPStatus.INTERNAL_SERVER_ERROR)
        return await self._parse(operation.model, received)

    def _operation(self, api: str) -> Operation | None:
        if api not in self._operations:
            model = self._boto.meta.service_model.operation_model(api)
            self._operations[api] = self._prepare(model) if self._is_supported(model) else None
        return self._operations[api]

    def _is_supported(self, model: Any) -> bool:
        rule_parameters = {parameter.name for parameter in model.context_parameters}
        return (
            (self._service, model.name) not in CUSTOM_PARSED
            and not (model.has_streaming_output or model.has_streaming_input or model.has_event_stream_output)
            and not (model.idempotent_members or model.http_checksum or model.http_checksum_required)
            and not (model.endpoint or model.is_endpoint_discovery_operation or model.request_compression)
            and not (model.unsigned_payload or model.operation_context_parameters)
            and not rule_parameters - RULE_PARAMETERS
            and isinstance(self._parser, PlannedParser)
        )

    def _prepare(self, model: Any) -> Operation:
        if has_bucket := _has_bucket(model):
            remove_bucket_from_url_paths_from_model(None, model, None)
        return Operation(model, has_bucket)

    async def _endpoint(self, model: Any, region: str) -> OperationEndpoint | None:
        """The endpoint, resolved once for each region, and for each operation only if the rules distinguish them."""
        own_rules = model.static_context_parameters or model.context_parameters
        key = (region, model.name if own_rules else "")
        if key not in self._endpoints:
            self._endpoints[key] = await self._resolve(model, region)
        return self._endpoints[key]

    async def _resolve(self, model: Any, region: str) -> OperationEndpoint | None:
        context: dict[str, Any] = {"client_region": region}
        params = {"Bucket": _ANY_BUCKET} if _has_bucket(model) else {}
        url, headers, _ = await self._boto._resolve_endpoint_ruleset(model, params, context)  # noqa: SLF001  (as above)
        signing = context.get("signing", {})
        signature = context.get("auth_type") or model.resolved_auth_type or self._boto.meta.config.signature_version
        if signature not in SUPPORTED_SIGNATURES:
            return None
        if params:
            url, _, bucket = url.rpartition("/")
            if bucket != _ANY_BUCKET:
                return None
        name = signing.get("signing_name") or model.service_model.signing_name
        return OperationEndpoint(url, headers, CredentialScope(name, signing.get("region") or region))

    def _request(
        self, operation: Operation, params: Mapping[str, Any], endpoint: OperationEndpoint
    ) -> tuple[str, str, dict[str, str], bytes]:
        """Method, URL, headers and body."""
        model = operation.model
        if hook := PARAMETER_HOOKS.get(self._service):
            params = dict(params)
            hook(params=params, model=model)
        request = self._serializer.serialize_to_request(params, model)
        request["headers"] = {**request["headers"], **endpoint.headers}
        url = f"{endpoint.url}/{params['Bucket']}" if operation.has_bucket else endpoint.url
        prepare_request_dict(request, url, user_agent=self._agent)
        if hook := REQUEST_HOOKS.get(self._service):
            hook(params=request, model=model)
        return request["method"], request["url"], request["headers"], _body(request["body"])

    async def _parse(self, model: Any, received: Received) -> dict[str, Any]:
        response = {
            "headers": received.headers,
            "status_code": received.status,
            "context": {"operation_name": model.name},
            "body": received.body,
        }
        is_error = received.status >= HTTPStatus.MULTIPLE_CHOICES
        parsed: dict[str, Any] | None = None if is_error else self._parser.parse_by_plan(response, model.output_shape)
        if parsed is None:
            parsed = await self._parser.parse(response, model.output_shape)
        if is_error:
            raise ClientError(parsed, model.name)
        if hook := RESPONSE_HOOKS.get(self._service):
            hook(parsed=parsed, model=model)
        return parsed


def _has_bucket(model: Any) -> bool:
    return any(parameter.name == "Bucket" for parameter in model.context_parameters)


def _body(body: bytes | str | dict[str, Any]) -> bytes:
    """A serialized body as bytes; the query protocol's serializer returns a dict."""
    if isinstance(body, dict):
        return urlencode(body, doseq=True).encode()
    return body.encode() if isinstance(body, str) else body
