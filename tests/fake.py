"""An `Api` that answers from files, with answers checked against botocore's output shapes.

`tests/answers/<service>/<client>.<operation>.json` holds one answer, or a list of cases: `{"when": {parameter: value},
"region": "…", "answer": {…}}` or `{"when": …, "error": {"code": "…", "message": "…"}}`. The first whose
`when` matches applies; it may hold `"pages": [answer, …]` instead. A missing file is an error; `{}` is an empty answer.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from collector.engine.context import Params
from collector.faults import CallFailed, Reason
from collector.schema.declarations import Row
from tests.declarations import operation

ANSWERS = Path(__file__).parent / "answers"


class FakeApi:
    """Answers from the folder of one service, and records the calls."""

    def __init__(self, folder: Path, region: str) -> None:
        self._folder, self._region = folder, region
        self.calls: list[tuple[str, str, dict[str, Any]]] = []

    async def once(
        self, client: str, op: str, params: Params, *, region: str | None = None, again: tuple[str, ...] = ()
    ) -> Row:
        return self._answers(client, op, params, region)[0]

    async def pages(
        self, client: str, op: str, params: Params, *, region: str | None = None, token: str | None = None
    ) -> AsyncIterator[Row]:
        for answer in self._answers(client, op, params, region):
            yield answer

    def _answers(self, client: str, op: str, params: Params, region: str | None) -> list[Row]:
        self.calls.append((client, op, dict(params)))
        model = operation(client, op)
        path = self._folder / f"{client}.{op}.json"
        if not path.exists():
            raise AssertionError(
                f"no recorded answer: write what AWS returns for {model.name} to tests/answers/{self._folder.name}/{path.name}"
                " (an empty answer is {})"
            )
        recorded = json.loads(path.read_text())
        case = recorded if isinstance(recorded, dict) else _matching(recorded, params, region or self._region)
        if not isinstance(recorded, dict):
            if "error" in case:
                error = case["error"]
                reason = Reason(error.get("reason", Reason.ERROR))
                raise CallFailed(f"{client}:{model.name}", reason, error["code"], error.get("message", ""))
            answers = case.get("pages") or [case.get("answer", {})]
        else:
            answers = [case]
        return [shaped(answer, model.output_shape, f"{client}.{op}") for answer in answers]


def _matching(cases: list[dict[str, Any]], params: Mapping[str, Any], region: str) -> dict[str, Any]:
    for case in cases:
        when = case.get("when", {})
        if all(params.get(name) == value for name, value in when.items()) and case.get("region", region) == region:
            return case
    return {"answer": {}}


def shaped(value: Any, shape: Any, where: str) -> Any:  # noqa: PLR0911  (one for each kind of shape)
    """The value as botocore parses it, with times as datetimes. Raises if AWS has no such member."""
    if shape is None or value is None or getattr(shape, "is_document_type", False):
        return value
    match shape.type_name:
        case "structure":
            unknown = set(value) - set(shape.members)
            if unknown:
                raise AssertionError(f"{where}: {shape.name} has no {sorted(unknown)}")
            return {name: shaped(inner, shape.members[name], f"{where}.{name}") for name, inner in value.items()}
        case "list":
            return [shaped(inner, shape.member, f"{where}[]") for inner in value]
        case "map":
            return {name: shaped(inner, shape.value, f"{where}.{name}") for name, inner in value.items()}
        case "timestamp":
            return datetime.fromisoformat(value)
        case "blob":
            return value.encode()
        case "string":
            assert isinstance(value, str) or shape.name == "policyDocumentType", f"{where} is text"
            return value
        case "boolean":
            assert isinstance(value, bool), f"{where} is a flag"
            return value
        case _:
            assert isinstance(value, int | float), f"{where} is a number"
            return value
