"""Compares the results of compiled parsers with those of botocore's parsers."""

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
from collector.model import Unreadable

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
    """The first difference between two parsed values, types included; None if they are equal."""
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
    """Whether two values are equal: times by instant, elements (which botocore returns by mistake) by their XML."""
    if isinstance(ours, datetime):
        if outcome(theirs.utcoffset) is ValueError:  # dateutil accepts offsets beyond a day, which are invalid
            return outcome(ours.utcoffset) is ValueError
        if ours.tzinfo is None or theirs.tzinfo is None:
            return ours.tzinfo is theirs.tzinfo and bool(ours == theirs)
        return bool(ours.astimezone(UTC) == theirs.astimezone(UTC))
    if isinstance(ours, ET.Element):
        return ET.tostring(ours) == ET.tostring(theirs)
    return bool(ours == theirs) or (ours != ours and theirs != theirs)  # noqa: PLR0124  # NaN is not itself


def outcome(of: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a function, or the type of the exception that it raises."""
    try:
        return of(*arguments)
    except Exception as error:  # noqa: BLE001  # botocore raises arbitrary exceptions
        return type(error)


async def parsed(parser: Any, answer: dict[str, Any], shape: Any) -> Any:
    """The result of a parser, or the exception that it raises."""
    try:
        return await parser.parse(dict(answer), shape)
    except Exception as error:  # noqa: BLE001  # as above
        return error


def has_unreadable(value: Any) -> bool:
    """Whether a scalar was not of its type, which costs only itself."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, Unreadable) or any(has_unreadable(each) for each in inner)


async def assert_parsed_alike(protocol: str, shape: Any, answer: dict[str, Any]) -> None:
    """Assert that our parser returns what botocore's returns.

    If that raises, ours returns a response with an ``Unreadable``, or raises ``ResponseParserError``.
    """
    theirs = await parsed(create_parser(protocol), answer, shape)
    ours = await parsed(FACTORY.create_parser(protocol), answer, shape)
    if isinstance(theirs, Exception):
        assert isinstance(ours, ResponseParserError) or has_unreadable(ours), (theirs, answer["body"])
    elif isinstance(ours, Exception):
        raise ours
    else:
        assert difference(ours, theirs) is None, answer["body"]


_MEMBERS: dict[str, dict[str, Any]] = {
    "Text": {"shape": "Text"},
    "Flag": {"shape": "Flag", "locationName": "flag"},
    "Count": {"shape": "Count"},
    "Total": {"shape": "Total"},
    "Fraction": {"shape": "Fraction"},
    "Ratio": {"shape": "Ratio"},
    "At": {"shape": "At"},
    "Raw": {"shape": "Raw"},
    "Tree": {"shape": "Tree"},
    "Trees": {"shape": "Trees", "locationName": "treeSet"},
    "Names": {"shape": "Names"},
    "FlatNames": {"shape": "Names", "flattened": True},
    "FlatTrees": {"shape": "Trees", "flattened": True, "locationName": "Ignored"},
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
    "Multiple": {"shape": "Names", "location": "header", "locationName": "X-Multiple"},
    "Metadata": {"shape": "Texts", "location": "headers", "locationName": "x-amz-meta-"},
    "Status": {"shape": "Count", "location": "statusCode"},
}
_SHAPES: dict[str, dict[str, Any]] = {
    "Text": {"type": "string"},
    "Flag": {"type": "boolean"},
    "Count": {"type": "integer"},
    "Total": {"type": "long"},
    "Fraction": {"type": "double"},
    "Ratio": {"type": "float"},
    "At": {"type": "timestamp"},
    "Raw": {"type": "blob"},
    "Free": {"type": "structure", "members": {}, "document": True},
    "Names": {"type": "list", "member": {"shape": "Text", "locationName": "item"}},
    "Trees": {"type": "list", "member": {"shape": "Tree"}},
    "Texts": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Text"}},
    "Table": {"type": "map", "key": {"shape": "Text", "locationName": "Name"}, "value": {"shape": "Tree"}},
    "Groups": {"type": "list", "member": {"shape": "Names", "flattened": True}},
    "Tables": {"type": "list", "member": {"shape": "Texts", "flattened": True}},
    "Choice": {
        "type": "structure",
        "union": True,
        "members": {"Left": {"shape": "Text"}, "Right": {"shape": "Tree", "locationName": "right"}},
    },
    "Tree": {
        "type": "structure",
        "members": {
            "Kind": {"shape": "Text", "xmlAttribute": True, "locationName": "xsi:type"},
            "Value": {"shape": "Count", "locationName": "value"},
            "Children": {"shape": "Trees", "locationName": "children"},
            "Next": {"shape": "Tree"},
        },
    },
}


def sample_output(protocol: str, **traits: Any) -> Any:
    """An output shape with every type of member that a protocol allows, whether an operation uses it or not."""
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
