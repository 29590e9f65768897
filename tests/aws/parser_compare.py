"""Compiled parsers beside botocore's own: the same answer through both, and where the results differ."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
from aiobotocore.parsers import create_parser
from botocore.awsrequest import HeadersDict
from botocore.model import ServiceModel
from botocore.parsers import ResponseParserError

from collector.aws.parsers import CompiledParserFactory

FACTORY = CompiledParserFactory()


@cache
def service_model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def output(service: str, operation: str) -> tuple[str, Any]:
    """The protocol of a service and the output shape of an operation."""
    model = service_model(service)
    return model.resolved_protocol, model.operation_model(operation).output_shape


def response(body: bytes, status: int = 200, **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"status_code": status, "headers": HeadersDict(named), "body": body, "context": {"operation_name": "Op"}}


def difference(ours: Any, theirs: Any, path: str = "") -> str | None:
    """Where two parsed values differ, types included."""
    if type(ours) is not type(theirs):
        return f"{path}: {ours!r} != {theirs!r}"
    if isinstance(ours, dict):
        if ours.keys() != theirs.keys():
            return f"{path}: {sorted(ours)} != {sorted(theirs)}"
        return next((found for key in ours if (found := difference(ours[key], theirs[key], f"{path}.{key}"))), None)
    if isinstance(ours, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return next((found for index, pair in pairs if (found := difference(*pair, f"{path}[{index}]"))), None)
    return None if same(ours, theirs) else f"{path}: {ours!r} != {theirs!r}"


def same(ours: Any, theirs: Any) -> bool:
    """Whether two values are one: times if they are one moment, elements (which botocore gives by mistake) if written alike."""
    if isinstance(ours, datetime):
        if outcome(theirs.utcoffset) is ValueError:  # dateutil takes offsets beyond a day, which no time can have
            return outcome(ours.utcoffset) is ValueError
        if ours.tzinfo is None or theirs.tzinfo is None:
            return ours.tzinfo is theirs.tzinfo and bool(ours == theirs)
        return bool(ours.astimezone(UTC) == theirs.astimezone(UTC))
    if isinstance(ours, ET.Element):
        return ET.tostring(ours) == ET.tostring(theirs)
    return bool(ours == theirs) or (ours != ours and theirs != theirs)  # noqa: PLR0124  # NaN is not itself


def outcome(of: Callable[..., Any], *arguments: Any) -> Any:
    """What a function gives, or the type of the exception that it raises."""
    try:
        return of(*arguments)
    except Exception as error:  # noqa: BLE001  # botocore raises whatever it stumbles on
        return type(error)


async def parsed(parser: Any, answer: dict[str, Any], shape: Any) -> Any:
    """What a parser gives, or the exception that it raises."""
    try:
        return await parser.parse(dict(answer), shape)
    except Exception as error:  # noqa: BLE001  # as above
        return error


async def assert_parsed_alike(protocol: str, shape: Any, answer: dict[str, Any]) -> None:
    """Assert that a compiled parser gives what botocore's gives; where that raises, it raises ``ResponseParserError``."""
    theirs = await parsed(create_parser(protocol), answer, shape)
    ours = await parsed(FACTORY.create_parser(protocol), answer, shape)
    if isinstance(theirs, Exception):
        assert isinstance(ours, ResponseParserError), (theirs, answer["body"])
    elif isinstance(ours, Exception):
        raise ours
    else:
        assert difference(ours, theirs) is None, answer["body"]


_MEMBERS: dict[str, dict[str, Any]] = {
    "Text": {"shape": "Text"},
    "Flag": {"shape": "Flag", "locationName": "flag"},
    "Count": {"shape": "Count"},
    "Total": {"shape": "Total"},
    "Share": {"shape": "Share"},
    "Ratio": {"shape": "Ratio"},
    "At": {"shape": "At"},
    "Raw": {"shape": "Raw"},
    "Node": {"shape": "Node"},
    "Nodes": {"shape": "Nodes", "locationName": "nodeSet"},
    "Names": {"shape": "Names"},
    "FlatNames": {"shape": "Names", "flattened": True},
    "FlatNodes": {"shape": "Nodes", "flattened": True, "locationName": "Ignored"},
    "Table": {"shape": "Table"},
    "FlatTable": {"shape": "Table", "flattened": True, "locationName": "Row"},
    "Groups": {"shape": "Groups"},
    "Tables": {"shape": "Tables"},
    "Choice": {"shape": "Choice"},
}
_LOCATED: dict[str, dict[str, Any]] = {
    "Length": {"shape": "Count", "location": "header", "locationName": "X-Length"},
    "Modified": {"shape": "At", "location": "header", "locationName": "Last-Modified"},
    "Valid": {"shape": "Flag", "location": "header", "locationName": "X-Valid"},
    "Several": {"shape": "Names", "location": "header", "locationName": "X-Several"},
    "Metadata": {"shape": "Texts", "location": "headers", "locationName": "x-amz-meta-"},
    "Status": {"shape": "Count", "location": "statusCode"},
}
_SHAPES: dict[str, dict[str, Any]] = {
    "Text": {"type": "string"},
    "Flag": {"type": "boolean"},
    "Count": {"type": "integer"},
    "Total": {"type": "long"},
    "Share": {"type": "double"},
    "Ratio": {"type": "float"},
    "At": {"type": "timestamp"},
    "Raw": {"type": "blob"},
    "Free": {"type": "structure", "members": {}, "document": True},
    "Names": {"type": "list", "member": {"shape": "Text", "locationName": "item"}},
    "Nodes": {"type": "list", "member": {"shape": "Node"}},
    "Texts": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Text"}},
    "Table": {"type": "map", "key": {"shape": "Text", "locationName": "Name"}, "value": {"shape": "Node"}},
    "Groups": {"type": "list", "member": {"shape": "Names", "flattened": True}},
    "Tables": {"type": "list", "member": {"shape": "Texts", "flattened": True}},
    "Choice": {
        "type": "structure",
        "union": True,
        "members": {"Left": {"shape": "Text"}, "Right": {"shape": "Node", "locationName": "right"}},
    },
    "Node": {
        "type": "structure",
        "members": {
            "Kind": {"shape": "Text", "xmlAttribute": True, "locationName": "xsi:type"},
            "Value": {"shape": "Count", "locationName": "value"},
            "Children": {"shape": "Nodes", "locationName": "children"},
            "Next": {"shape": "Node"},
        },
    },
}


def sample_output(protocol: str, **traits: Any) -> Any:
    """An output shape with all that outputs can have in a protocol, also what no operation in use has."""
    members = dict(_MEMBERS)
    if "json" in protocol:
        members["Free"] = {"shape": "Free"}
    if "rest" in protocol:
        members |= _LOCATED
    operation = {"name": "Ask", "http": {}, "output": {"shape": "Answer", **traits}}
    model = {
        "metadata": {"protocol": protocol, "serviceId": "Sample"},
        "operations": {"Ask": operation},
        "shapes": {**_SHAPES, "Answer": {"type": "structure", "members": members}},
    }
    return ServiceModel(model).operation_model("Ask").output_shape
