"""Serializes values as AWS does, according to botocore's service models.

A value is serialized once, when the server starts, to a template with placeholders such as ``%(number)s``. An answer is
that template with its placeholders replaced. Names that the models lack fail at the start, not in a run.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape

REQUEST_ID = "0fd1e2c3-5a6b-4c7d-8e9f-0123456789ab"
_QUOTED_PLACEHOLDER = re.compile(r"%25%28(\w+)%29s")
_NUMERIC = frozenset({"integer", "long", "float", "double", "bigdecimal", "boolean", "timestamp"})


@cache
def model(service: str) -> ServiceModel:
    """The model of a service, by the name of its boto3 client."""
    loader = _session().get_component("data_loader")
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


@cache
def _session() -> Any:
    return botocore.session.get_session()


def operation(service: str, name: str) -> OperationModel:
    """The model of an operation."""
    return model(service).operation_model(name)


def policy(*statements: Mapping[str, Any]) -> str:
    """A policy document as most services return it: JSON in a string. Placeholders are kept."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def quoted_policy(*statements: Mapping[str, Any]) -> str:
    """A policy document as IAM returns it: URL-encoded JSON. Placeholders are kept."""
    return _QUOTED_PLACEHOLDER.sub(r"%(\1)s", quote(policy(*statements), safe=""))


def tags(key: str = "Key", value: str = "Value", **pairs: str) -> list[dict[str, str]]:
    """A tag list; `key` and `value` are the member names, which differ between services."""
    return [{key: name, value: text} for name, text in pairs.items()]


def body(service: str, name: str, value: Mapping[str, Any]) -> str:
    """The template of a complete response body."""
    op = operation(service, name)
    return _WRITERS[model(service).protocol](op, value)


def row(service: str, name: str, path: str, value: Any) -> str:
    """The template of one element of the list at ``path`` of a response, including the element's own XML tags."""
    shape, tag = operation(service, name).output_shape, ""
    for step in path.split("."):
        inside = shape.member if shape.type_name == "list" else shape
        shape = inside.members[step]
        tag = _key(shape, step)
    if "json" in model(service).protocol:
        return _json(shape.member, value)
    return _element(shape.member, _item_tag(shape, tag), value)


def empty(service: str, name: str) -> str:
    """A response without results: the operation's root element, and its lists empty."""
    shape = operation(service, name).output_shape
    members = shape.members if shape is not None else {}
    return body(service, name, {key: [] for key, member in members.items() if member.type_name == "list"})


def _query(op: OperationModel, value: Mapping[str, Any]) -> str:
    inner = _members(op.output_shape, value) if op.output_shape is not None else ""
    wrapper = op.output_shape.serialization.get("resultWrapper") if op.output_shape is not None else None
    if wrapper:
        inner = f"<{wrapper}>{inner}</{wrapper}>"
    namespace = op.service_model.metadata.get("xmlNamespace", "")
    metadata = f"<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>"
    return f'<{op.name}Response xmlns="{namespace}">{inner}{metadata}</{op.name}Response>'


def _ec2(op: OperationModel, value: Mapping[str, Any]) -> str:
    inner = _members(op.output_shape, value) if op.output_shape is not None else ""
    root = f'{op.name}Response xmlns="http://ec2.amazonaws.com/doc/{op.service_model.api_version}/"'
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}><requestId>{REQUEST_ID}</requestId>'
    return f"{head}{inner}</{op.name}Response>"


def _rest_xml(op: OperationModel, value: Mapping[str, Any]) -> str:
    shape = op.output_shape
    if shape is None:
        return ""
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    payload = shape.serialization.get("payload")
    if payload is None:
        return head + _element(shape, shape.name, value)
    inner = shape.members[payload]
    if inner.type_name != "structure":
        return str(value.get(payload, ""))
    return head + _element(inner, inner.serialization.get("name", inner.name), value.get(payload, {}))


def _any_json(op: OperationModel, value: Mapping[str, Any]) -> str:
    shape = op.output_shape
    if shape is None:
        return "{}"
    payload = shape.serialization.get("payload")
    if payload is None:
        return _json(shape, value)
    return _json(shape.members[payload], value.get(payload, {}))


_WRITERS = {"query": _query, "ec2": _ec2, "rest-xml": _rest_xml, "json": _any_json, "rest-json": _any_json}


def _members(shape: Shape, value: Mapping[str, Any]) -> str:
    return "".join(
        _element(shape.members[name], _key(shape.members[name], name), item)
        for name, item in value.items()
        if not shape.members[name].serialization.get("xmlAttribute")
    )


def _key(shape: Shape, name: str) -> str:
    # A flattened list has no element of its own: its items have the list's name.
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        return str(shape.member.serialization.get("name") or shape.serialization.get("name", name))
    return str(shape.serialization.get("name", name))


def _item_tag(shape: Shape, tag: str) -> str:
    return tag if shape.serialization.get("flattened") else str(shape.member.serialization.get("name", "member"))


def _element(shape: Shape, tag: str, value: Any) -> str:
    match shape.type_name:
        case "structure":
            return f"<{tag}{_attributes(shape, value)}>{_members(shape, value)}</{tag}>"
        case "list":
            item = _item_tag(shape, tag)
            inner = value if isinstance(value, str) else "".join(_element(shape.member, item, v) for v in value)
            return inner if shape.serialization.get("flattened") else f"<{tag}>{inner}</{tag}>"
        case "map":
            key, tag_of_value = (
                shape.key.serialization.get("name", "key"),
                shape.value.serialization.get("name", "value"),
            )
            entries = (f"<{key}>{escape(k)}</{key}>" + _element(shape.value, tag_of_value, v) for k, v in value.items())
            return f"<{tag}>" + "".join(f"<entry>{entry}</entry>" for entry in entries) + f"</{tag}>"
        case _:
            text = str(value).lower() if isinstance(value, bool) else escape(str(value))
            return f"<{tag}>{text}</{tag}>" if text else f"<{tag}/>"


def _attributes(shape: Shape, value: Mapping[str, Any]) -> str:
    found = ((shape.members[name], item) for name, item in value.items())
    texts = [f' {m.serialization["name"]}="{item}"' for m, item in found if m.serialization.get("xmlAttribute")]
    return (' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"' if texts else "") + "".join(texts)


def _json(shape: Shape, value: Any) -> str:
    match shape.type_name:
        case "structure":
            return "{" + ",".join(_pair(shape.members[k], k, v) for k, v in value.items()) + "}"
        case "list":
            return f"[{value}]" if isinstance(value, str) else f"[{','.join(_json(shape.member, v) for v in value)}]"
        case "map":
            return "{" + ",".join(f"{json.dumps(k)}:{_json(shape.value, v)}" for k, v in value.items()) + "}"
        case kind:
            # A placeholder for a number is not quoted; one for a time in a text format is.
            bare = kind in _NUMERIC and shape.serialization.get("timestampFormat") != "iso8601"
            return value if bare and isinstance(value, str) else json.dumps(value)


def _pair(shape: Shape, name: str, value: Any) -> str:
    return f"{json.dumps(shape.serialization.get('name', name))}:{_json(shape, value)}"
