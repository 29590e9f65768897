"""What compiled parsers read, against what botocore's own read from the same bodies."""

import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import botocore.session
import pytest
from aiobotocore.parsers import create_parser
from botocore.awsrequest import HeadersDict
from botocore.model import ServiceModel
from botocore.parsers import ResponseParserError
from hypothesis import given
from hypothesis import strategies as st

from collector.aws.parsers import CompiledParserFactory
from tests.aws.parser_cases import answer

BODIES = int(os.environ.get("COLLECTOR_PARSER_BODIES", "10"))
"""How many bodies are made up for each operation; 200 take some minutes."""

OPERATIONS = tuple(tuple(line.split()) for line in (Path(__file__).parent / "operations.txt").read_text().splitlines())

FACTORY = CompiledParserFactory()


@cache
def service_model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def output(service: str, operation: str) -> tuple[str, Any]:
    model = service_model(service)
    return model.resolved_protocol, model.operation_model(operation).output_shape


def difference(ours: Any, theirs: Any, path: str = "") -> str | None:
    """Where two parsed values differ, types included; datetimes are the same if they are the same moment."""
    if isinstance(ours, datetime) and isinstance(theirs, datetime):
        aware = ours.tzinfo is not None, theirs.tzinfo is not None
        same = ours.astimezone(UTC) == theirs.astimezone(UTC) if all(aware) else aware[0] == aware[1] and ours == theirs
    elif isinstance(ours, ElementTree.Element) and isinstance(theirs, ElementTree.Element):
        same = ElementTree.tostring(ours) == ElementTree.tostring(theirs)
    elif type(ours) is not type(theirs):
        same = False
    elif isinstance(ours, dict):
        if ours.keys() != theirs.keys():
            return f"{path}: {sorted(ours)} != {sorted(theirs)}"
        return next((found for key in ours if (found := difference(ours[key], theirs[key], f"{path}.{key}"))), None)
    elif isinstance(ours, list):
        if len(ours) != len(theirs):
            return f"{path}: {ours} != {theirs}"
        pairs = enumerate(zip(ours, theirs, strict=True))
        return next((found for index, pair in pairs if (found := difference(*pair, f"{path}[{index}]"))), None)
    else:
        same = ours == theirs or (ours != ours and theirs != theirs)  # noqa: PLR0124  # NaN
    return None if same else f"{path}: {ours!r} != {theirs!r}"


async def parsed(parser: Any, response: dict[str, Any], shape: Any) -> Any:
    """What a parser gives, or the exception that it raises."""
    try:
        return await parser.parse({**response, "headers": HeadersDict(response["headers"])}, shape)
    except Exception as error:  # noqa: BLE001  # botocore raises whatever it stumbles on
        return error


async def assert_parsed_alike(protocol: str, shape: Any, response: dict[str, Any]) -> None:
    theirs = await parsed(create_parser(protocol), response, shape)
    ours = await parsed(FACTORY.create_parser(protocol), response, shape)
    if isinstance(theirs, Exception):
        assert isinstance(ours, ResponseParserError), (theirs, response["body"])
    elif isinstance(ours, Exception):
        raise ours
    else:
        assert difference(ours, theirs) is None, response["body"]


def response(body: bytes, status: int = 200, **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"status_code": status, "headers": named, "body": body, "context": {}}


async def parse(service: str, operation: str, body: bytes) -> Any:
    protocol, shape = output(service, operation)
    return await FACTORY.create_parser(protocol).parse(response(body), shape)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS, ids="-".join)
async def test_made_up_answers_are_parsed_as_botocore_parses_them(service, operation):
    protocol, shape = output(service, operation)
    for number in range(BODIES):
        made_up = answer(shape, protocol, Random(f"{service} {operation} {number}"))
        await assert_parsed_alike(protocol, shape, made_up)
