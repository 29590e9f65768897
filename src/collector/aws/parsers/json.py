"""Plans for JSON bodies: orjson reads, and only members of a type that JSON lacks are touched again."""

import json
from typing import Any

import orjson
from botocore.parsers import ResponseParserError
from botocore.utils import ensure_boolean

from collector.aws.parsers.plans import OUTSIDE_BODY, Compiler, Plan, UnplannedError, unplanned


def read_json(body: bytes) -> Any:
    """The value of a JSON body.

    Equal to ``json.loads`` but for integers beyond 64 bits, which no AWS shape has and which come as floats.

    Raises:
        ResponseParserError: the body is not JSON.  botocore takes such a body for an answer without members, which is how
            a proxy's error page would become an empty list.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body.decode())  # takes what orjson does not: NaN, lone surrogates
    except (ValueError, RecursionError) as error:
        # Without the body, which botocore's messages quote: it may be long, and hold secrets of the account.
        raise ResponseParserError(f"Invalid JSON in a successful answer of {len(body)} bytes: {error}") from error


class JsonCompiler(Compiler):
    """Plans for the ``json`` protocol, whose numbers and booleans are taken as they come."""

    def __init__(self, timestamp: Plan, blob: Plan) -> None:
        super().__init__()
        self._scalars: dict[str, Plan] = {"timestamp": timestamp, "blob": blob}

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
        # botocore also looks into the body for members that belong into a header; nothing sends them there.
        return unplanned if shape.serialization.get("location") in OUTSIDE_BODY else self.compile(shape)


class RestJsonCompiler(JsonCompiler):
    """Plans for the ``rest-json`` protocol, whose numbers and booleans botocore converts to the types of the model."""

    def __init__(self, timestamp: Plan, blob: Plan) -> None:
        super().__init__(timestamp, blob)
        self._scalars |= {"boolean": ensure_boolean, "integer": int, "long": int, "float": float, "double": float}


def _list(item: Plan | None) -> Plan:
    return list if item is None else lambda value: [item(each) for each in value]


def _map(key: Plan | None, item: Plan | None) -> Plan:
    if key is not None:
        return unplanned  # keys of maps are texts in every model
    return dict.copy if item is None else lambda value: {name: item(each) for name, each in value.items()}


def _union(read: Plan, known: frozenset[str]) -> Plan:
    """Like ``read``, but leaves it to botocore to judge a union with a member that is unknown, missing or one too many."""

    def read_union(value: Any) -> Any:
        given = [key for key, raw in value.items() if raw is not None and key != "__type"]
        if len(given) != 1 or given[0] not in known:
            raise UnplannedError
        return read(value)

    return read_union
