from __future__ import annotations

import json
import re
from importlib.util import module_from_spec, spec_from_loader
from typing import Any

import pytest

from collector.catalog.catalog import Catalog, declarations, declared
from tests.class_schemas import violations
from tests.declarations import Lint
from tests.documents import ROOT, _replaced, current
from tests.pipeline import collect

GUIDE = (ROOT / "docs" / "adding-a-type.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(current()))
def test_a_generated_document_is_current(path):
    assert (ROOT / path).read_text(encoding="utf-8") == current()[path], "run `make documents`"


def test_a_part_is_replaced_only_between_its_marks():
    document = "a\n<!-- begin x -->old\n<!-- end x -->\nb"
    assert _replaced(document, "x", "new\\1") == "a\n<!-- begin x -->\nnew\\1\n<!-- end x -->\nb"


def test_a_document_without_the_marks_is_an_error():
    with pytest.raises(ValueError, match="0 places for 'x'"):
        _replaced("a", "x", "new")


@pytest.mark.parametrize("path", ["README.md", *(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))])
def test_links_between_documents_are_valid(path):
    document = ROOT / path
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.fixture
def worked_example(monkeypatch: pytest.MonkeyPatch) -> str:
    """The service that docs/adding-a-type.md declares, added to the catalogue."""
    (source,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    spec = spec_from_loader("collector.services.kinesis", loader=None)
    assert spec is not None
    module = module_from_spec(spec)
    exec(compile(source, "docs/adding-a-type.md", "exec"), module.__dict__)
    catalog = Catalog.of((*declared(), module.SERVICE))
    monkeypatch.setattr(Catalog, "all", lambda: catalog)
    return str(module.SERVICE.name)


def test_the_worked_example_passes_the_lint(worked_example):
    catalog = Catalog.all()
    service = next(service for service in catalog.services if service.name == worked_example)
    problems = [problem for each in declarations(service) for problem in Lint(catalog).problems(service, each)]
    assert problems == []


async def test_the_worked_example_results_in_the_graph_in_the_guide(worked_example, tmp_path):
    for name, answer in re.findall(r"`(\w+\.\w+\.json)`\n\n```json\n(.*?)```", GUIDE, re.DOTALL):
        (tmp_path / name).write_text(answer)
    outcome = await collect(worked_example, folder=str(tmp_path))
    (shown,) = re.findall(r"the contract from now on:\n\n```json\n(.*?)```", GUIDE, re.DOTALL)
    stream = _of_type(outcome.entities, "aws_kinesis_stream")
    assert stream == json.loads(shown)
    assert violations(stream) == []
    types = {record["_type"] for record in outcome.relationships}
    assert types == {"aws_kinesis_has_stream", "aws_kinesis_stream_has_consumer"}
    key = "arn:aws:kms:us-east-1:123456789012:key/1111"
    assert f"{stream['_key']} USES aws_kms_key by id {key}" in outcome.pointers


def _of_type(records: list[dict[str, Any]], type_: str) -> dict[str, Any]:
    (record,) = [record for record in records if record["_type"] == type_]
    return record
