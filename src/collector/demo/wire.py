"""Parses AWS requests and serializes AWS responses in every protocol that moto and botocore support.

A request is identified by its signature and the service models. Responses are serialized from plain dicts shaped by the
operation's output model, so one fixture format serves JSON, REST and XML services.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from xml.sax.saxutils import escape

import orjson
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request as HttpRequest
from moto.core.request import determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.iam.models import get_account_id_from
from werkzeug.exceptions import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

Environ: TypeAlias = dict[str, Any]
Value: TypeAlias = dict[str, Any]

_SCOPE = re.compile(r"Credential=(?P<key>[^/,\s]+)/\d{8}/(?P<region>[^/]+)/(?P<name>[^/]+)/aws4_request")

_MODELS = {
    "access-analyzer": "accessanalyzer",
    "cloudhsm": "cloudhsmv2",
    "elasticfilesystem": "efs",
    "email": "ses",
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
}
"""Signing names that differ from the name of the service's model."""


class Answer(NamedTuple):
    """A complete HTTP response that has not been sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Request:
    """One call of an operation, with the account and region that its signature names."""

    service: str
    operation: str
    region: str
    account: str
    model: Any
    protocol: str
    http: Any
    labels: Mapping[str, str]

    @cached_property
    def params(self) -> Value:
        """The parameters, named and shaped as in boto3."""
        parser = PROTOCOL_PARSERS[self.protocol](self.model)
        parsed: Value = parser.parse(
            {
                "method": self.http.method,
                "values": self.http.values,
                "headers": self.http.headers,
                "body": self.http.data,
                "url_path": self.http.path,
                "url_params": self.labels,
            }
        )
        return parsed


def identify(environ: Environ) -> Request | None:
    """The operation that a signed request calls; None if it is unsigned or its operation is unknown to moto."""
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if scope is None:
        return None
    body = _take_body(environ)
    http = HttpRequest({**environ, "wsgi.input": BytesIO(body)})
    service = _service(scope["name"], http)
    try:
        model, labels = get_service_router(service).match(http)
        protocol = determine_request_protocol(model.service_model, http.content_type)
    except (NotFound, NotImplementedError, LookupError):
        return None
    account = environ.get("HTTP_X_MOTO_ACCOUNT_ID") or get_account_id_from(scope["key"])
    return Request(service, model.name, scope["region"], account, model, protocol, http, labels)


def _take_body(environ: Environ) -> bytes:
    """Reads the body and puts it back, so that the request can be read again."""
    stream = environ["wsgi.input"]
    chunked = environ.pop("HTTP_TRANSFER_ENCODING", "")
    body: bytes = stream.read() if chunked else stream.read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


def _service(signing_name: str, http: Any) -> str:
    """The name of the service model. Services that share a signing name differ in path, version or target."""
    match signing_name:
        case "apigateway":
            return "apigatewayv2" if http.path.startswith("/v2/") else "apigateway"
        case "dynamodb":
            streams = http.headers.get("X-Amz-Target", "").startswith("DynamoDBStreams")
            return "dynamodbstreams" if streams else "dynamodb"
        case "elasticloadbalancing":
            return "elb" if http.values.get("Version") == "2012-06-01" else "elbv2"
        case "es":
            return "opensearch" if http.path.startswith("/2021-01-01/") else "es"
        case "s3":
            return "s3control" if http.path.startswith("/v20180820/") else "s3"
        case _:
            return _MODELS.get(signing_name, signing_name)


def result(request: Request, value: Value) -> Answer:
    """A successful response.

    Raises:
        LookupError: The value has a member that the operation's output model lacks.
    """
    if request.model.output_shape is not None:
        _check_members(value, request.model.output_shape, request.operation)
    serializer = get_serializer_class(request.service, request.protocol)(operation_model=request.model)
    answer = serializer.serialize(value)
    body = answer["body"]
    headers = {name: str(header) for name, header in answer["headers"].items()}
    return Answer(answer["status_code"], headers, body.encode() if isinstance(body, str) else body)


def _check_members(value: Any, shape: Any, path: str) -> None:
    match shape.type_name:
        case "structure":
            if unknown := value.keys() - shape.members.keys():
                raise LookupError(f"{path}: {shape.name} has no {', '.join(sorted(unknown))}")
            for name, member in value.items():
                _check_members(member, shape.members[name], f"{path}.{name}")
        case "list":
            for item in value:
                _check_members(item, shape.member, f"{path}[]")
        case "map":
            for item in value.values():
                _check_members(item, shape.value, f"{path}{{}}")


def parse(request: Request, answer: Answer) -> Value:
    """The response as boto3 parses it, without ``ResponseMetadata``."""
    raw = {"status_code": answer.status, "headers": HeadersDict(answer.headers), "body": answer.body}
    parsed: Value = create_parser(request.protocol).parse(raw, request.model.output_shape)
    parsed.pop("ResponseMetadata", None)
    return parsed


def empty(request: Request) -> Value:
    """The output of an operation without results: every list empty, all other members absent."""
    shape = request.model.output_shape
    members = {} if shape is None else shape.members
    return {name: [] for name, member in members.items() if member.type_name == "list"}


def error(request: Request, status: int, code: str, message: str) -> Answer:
    """An error response in the format of the operation's protocol."""
    match request.protocol:
        case "json":
            version = request.model.service_model.metadata.get("jsonVersion", "1.0")
            body = orjson.dumps({"__type": code, "message": message})
            return Answer(status, {"Content-Type": f"application/x-amz-json-{version}"}, body)
        case "rest-json":
            headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
            return Answer(status, headers, orjson.dumps({"message": message}))
        case _:
            return Answer(status, {"Content-Type": "text/xml"}, _xml_error(request, code, message).encode())


def _xml_error(request: Request, code: str, message: str) -> str:
    details = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if request.protocol == "ec2":
        return f"<Response><Errors><Error>{details}</Error></Errors><RequestID>stub</RequestID></Response>"
    if request.service == "s3":
        return f"<Error>{details}<RequestId>stub</RequestId></Error>"
    return f"<ErrorResponse><Error><Type>Sender</Type>{details}</Error><RequestId>stub</RequestId></ErrorResponse>"
