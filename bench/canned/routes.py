"""Routes requests to operations by their header, body or path."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_plus

import orjson
from botocore.model import OperationModel

from . import wire
from .answers import HANDLERS, Handler, Params

# Every service that the collector calls. Operations without answers return empty lists.
SERVICES = (
    "accessanalyzer", "account", "acm", "apigateway", "apigatewayv2", "autoscaling", "batch", "cloudformation",
    "cloudfront", "cloudhsmv2", "cloudtrail", "cloudwatch", "config", "dynamodb", "ec2", "ecr", "ecs", "efs",
    "eks", "elasticache", "elb", "elbv2", "events", "guardduty", "iam", "inspector", "inspector2", "kms",
    "lambda", "logs", "opensearch", "organizations", "rds", "redshift", "route53", "route53domains", "s3",
    "s3control", "sns", "sqs", "sts", "transfer", "waf", "waf-regional", "wafv2", "workspaces",
)  # fmt: skip
_GLOBAL_SERVICES = frozenset(
    {"account", "cloudfront", "iam", "organizations", "route53", "route53domains", "s3", "s3control", "waf"}
)
_CONTENT = {
    "ec2": "text/xml;charset=UTF-8",
    "query": "text/xml",
    "rest-xml": "application/xml",
    "json": "application/x-amz-json-1.1",
    "rest-json": "application/json",
}


@dataclass(slots=True, eq=False)
class Operation:
    """One operation of one service, with its call counters."""

    service: str
    name: str
    protocol: str
    handler: Handler
    is_global: bool
    calls: int = 0
    throttles: int = 0
    errors: int = 0
    content: str = field(init=False)

    def __post_init__(self) -> None:
        self.content = _CONTENT.get(self.protocol, "application/json")

    @property
    def label(self) -> str:
        """The name in controls and statistics: ``ec2:DescribeInstances``."""
        return f"{self.service}:{self.name}"


@dataclass(frozen=True, slots=True)
class _Path:
    segments: tuple[str, ...]
    query: frozenset[str]
    operation: Operation

    def fits(self, segments: list[str], query: dict[str, str]) -> bool:
        # A loop is faster than all(), and requests to S3 spend their time here.
        for pattern, segment in zip(self.segments, segments, strict=True):
            if pattern != segment and pattern[0] != "{":
                return False
        return query.keys() >= self.query

    def weight(self) -> tuple[int, bool]:
        """Sorts more literal paths first, and of two operations with the same path the one with answers."""
        literals = sum(segment[:1] != "{" for segment in self.segments) + 2 * len(self.query)
        return literals, (self.operation.service, self.operation.name) in HANDLERS


class Routes:
    """All operations of all services, indexed by the parts of a request that identify them."""

    def __init__(self) -> None:
        self._unknown_operations: dict[tuple[str, str], Operation] = {}
        self._targets: dict[str, Operation] = {}
        self._actions: dict[tuple[str, str, str], Operation] = {}
        self._paths: dict[tuple[str, str, int, str], list[_Path]] = {}
        for service in SERVICES:
            for name in wire.model(service).operation_names:
                self._add(service, wire.operation(service, name))
        for paths in self._paths.values():
            paths.sort(key=_Path.weight, reverse=True)

    def by_target(self, target: str) -> Operation:
        """The operation of an ``X-Amz-Target`` header."""
        found = self._targets.get(target)
        if found is not None:
            return found
        prefix, _, name = target.rpartition(".")
        return self._unknown(prefix, name, "json", "{}")

    def by_action(self, signing: str, version: str, action: str) -> Operation:
        """The operation of a body with ``Action`` and ``Version``."""
        found = self._actions.get((signing, version, action))
        if found is not None:
            return found
        text = f"<{action}Response><{action}Result></{action}Result></{action}Response>"
        return self._unknown(signing, action, "query", text)

    def by_path(self, signing: str, method: str, url: str) -> tuple[Operation, dict[str, Any]]:
        """The operation of a method and path, with the parameters in its path and query."""
        path, _, text = url.partition("?")
        segments = [part for part in path.split("/") if part]
        query = dict(parse_qsl(text, keep_blank_values=True)) if text else {}
        for key in (*query, ""):
            for route in self._paths.get((signing, method, len(segments), key), ()):
                if route.fits(segments, query):
                    for pattern, segment in zip(route.segments, segments, strict=True):
                        if pattern[0] == "{":
                            query[pattern.strip("{+}")] = unquote(segment)
                    return route.operation, query
        return self._unknown(signing, method, "rest-json", "{}"), query

    def _add(self, service: str, model: OperationModel) -> None:
        kind = model.service_model.protocol
        signing, metadata = model.service_model.signing_name, model.service_model.metadata
        handler = HANDLERS.get((service, model.name)) or _empty(service, model.name)
        operation = Operation(service, model.name, kind, handler, service in _GLOBAL_SERVICES)
        if kind == "json":
            self._targets[f"{metadata['targetPrefix']}.{model.name}"] = operation
        elif kind in {"query", "ec2"}:
            self._actions[signing, metadata["apiVersion"], model.name] = operation
        else:
            path, _, query = model.http["requestUri"].partition("?")
            segments = tuple(part for part in path.split("/") if part)
            keys = [part.partition("=")[0] for part in query.split("&") if part]
            route = _Path(segments, frozenset(keys), operation)
            owner = (signing, model.http["method"], len(segments), keys[0] if keys else "")
            self._paths.setdefault(owner, []).append(route)

    def _unknown(self, service: str, name: str, protocol: str, text: str) -> Operation:
        found = self._unknown_operations.get((service, name))
        if found is None:
            found = self._unknown_operations[service, name] = Operation(
                service, name, protocol, lambda *_: text, is_global=False
            )
        return found


def _empty(service: str, name: str) -> Handler:
    texts: list[str] = []

    def answer(*_: object) -> str:
        if not texts:
            texts.append(wire.empty(service, name))
        return texts[0]

    return answer


def form(body: str) -> Params:
    """The parameters of a query request."""
    return dict(_pairs(body))


def _pairs(body: str) -> Iterator[tuple[str, str]]:
    for part in body.split("&"):
        name, _, value = part.partition("=")
        yield name, unquote_plus(value) if "%" in value or "+" in value else value


def structure(body: bytes) -> dict[str, Any]:
    """The parameters of a JSON body. Any other body becomes the parameter ``body``."""
    if body[:1] == b"{":
        return dict(orjson.loads(body))
    return {"body": body.decode()} if body else {}
