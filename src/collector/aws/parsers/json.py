"""Plans for JSON bodies: orjson decodes them, and plans convert only members of types that JSON lacks."""

import json
from typing import Any

import orjson
from botocore.parsers import ResponseParserError
from botocore.utils import ensure_boolean

from collector.aws.parsers.plans import OUTSIDE_BODY, Compiler, FallbackError, Plan, fall_back, or_unreadable


def read_json(body: bytes) -> Any:
    """The value of a JSON body.

    Equal to ``json.loads``, except that integers beyond 64 bits, which no AWS shape has, become floats.

    Raises:
        ResponseParserError: if the body is not JSON.  botocore treats such a body as a response without members, which
            would turn a proxy's error page into an empty list.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body.decode())  # accepts NaN and lone surrogates, unlike orjson
    except (ValueError, RecursionError) as error:
        # Does not quote the body, as botocore's messages do: it may be long and contain secrets of the account.
        raise ResponseParserError(f"Invalid JSON in a successful response of {len(body)} bytes: {error}") from error


class JsonCompiler(Compiler):
    """Plans for the ``json`` protocol, which does not convert numbers and booleans."""

    def __init__(self, timestamp: Plan, blob: Plan) -> None:
        super().__init__()
        self._scalars: dict[str, Plan] = {"timestamp": timestamp, "blob": or_unreadable(blob)}

    def _build(self, shape: Any) -> Plan | None:
        match shape.type_name:
            case "structure":
                return self._structure(shape)
            case "list":
                return _list(self.compile(shape.member))
            case "map":
                return _map(self.compile(shape.key), self.compile(shape.value))
            case scalar:
                return self._scalars.get(scalar)

    def _structure(self, shape: Any) -> Plan | None:
        if shape.is_document_type:
            return None
        members = tuple(
            (member.serialization.get("name", name), name, self._member(member))
            for name, member in shape.members.items()
        )

        def read(value: Any) -> dict[str, Any]:
            parsed = {}
            get = value.get
            for key, name, plan in members:
                raw = get(key)
                if raw is not None:
                    parsed[name] = raw if plan is None else plan(raw)
            return parsed

        return _union(read, frozenset(key for key, _, _ in members)) if shape.is_tagged_union else read

    def _member(self, shape: Any) -> Plan | None:
        # botocore also looks for header members in the body; AWS sends none there.
        return fall_back if shape.serialization.get("location") in OUTSIDE_BODY else self.compile(shape)


class RestJsonCompiler(JsonCompiler):
    """Plans for the ``rest-json`` protocol, in which botocore converts numbers and booleans to the model's types."""

    def __init__(self, timestamp: Plan, blob: Plan) -> None:
        super().__init__(timestamp, blob)
        whole, real = or_unreadable(int), or_unreadable(float)
        boolean = or_unreadable(ensure_boolean)
        self._scalars |= {"boolean": boolean, "integer": whole, "long": whole, "float": real, "double": real}


def _list(item: Plan | None) -> Plan:
    return list if item is None else lambda value: [item(each) for each in value]


def _map(key: Plan | None, item: Plan | None) -> Plan:
    if key is not None:
        return fall_back  # map keys are strings in every model
    return dict.copy if item is None else lambda value: {name: item(each) for name, each in value.items()}


def _union(read: Plan, members: frozenset[str]) -> Plan:
    """Like ``read``, but falls back to botocore unless the union has exactly one member and the model has it."""

    def read_union(value: Any) -> Any:
        present = [key for key, raw in value.items() if raw is not None and key != "__type"]
        if len(present) != 1 or present[0] not in members:
            raise FallbackError
        return read(value)

    return read_union
