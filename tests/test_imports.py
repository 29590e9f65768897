"""Which part of the collector may import which. A part is a module, or a folder with all that is in it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import collector

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path(collector.__file__).parent

MAY_IMPORT = {
    # what moves, and what is concluded from it: values alone
    "spec": "",
    "model": "",
    "faults": "",
    "classes": "",
    "relationships": "model",
    "tags": "model",
    "work": "",
    "analysis": "",
    # the vocabulary of declarations, and the declarations: never the engine
    "paths": "model spec",
    "values": "paths spec",
    "shared": "paths spec",
    "ec2": "shared spec values",
    "iam": "analysis paths spec values",
    "s3": "analysis spec",
    "services": "ec2 iam paths s3 shared spec values",
    # what is read off them: no call is made
    "catalog": "relationships services spec",
    "plan": "catalog model spec",
    "permissions": "",
    "policy": "catalog permissions spec",
    "published": "spec",
    "document": "analysis catalog paths permissions published spec",
    # the middle: never the network; what it needs of AWS it asks of an `Api`
    "report": "faults model",
    "convert": "classes model paths relationships spec tags values",
    "resolve": "analysis convert model relationships spec",
    "factbook": "analysis convert model",
    "context": "catalog faults model paths plan report spec work",
    "listings": "context faults model paths spec",
    "finish": "context faults listings model paths spec work",
    "collect": "catalog context finish listings model paths plan report spec work",
    "assemble": "catalog convert factbook faults listings model plan report resolve spec",
    "conclude": "analysis assemble factbook faults model plan relationships report resolve",
    # the ends: what waits, what is said, where it goes
    "config": "convert",
    "aws": "catalog config faults model plan report work",
    "sinks": "config model",
    "output": "assemble faults model report sinks",
    "log": "aws",
    "console": "report",
    # what joins them into a run
    "scopes": "aws catalog collect faults listings model plan report work",
    "parcels": "assemble convert model",
    "frames": "aws faults model parcels plan report",
    "workers": "aws config faults frames",
    "shares": "assemble aws faults frames model parcels plan report scopes work workers",
    "account": "analysis assemble aws catalog conclude convert factbook faults listings model output plan report scopes shares sinks workers",
    "members": "account aws config report",
    "processes": "aws frames report sinks workers",
    "worker": "account assemble aws catalog config faults frames listings log members model output parcels plan report scopes",
    "run": "account aws catalog config faults members model plan processes report scopes sinks workers",
    # what looks ahead of one
    "forecast": "aws catalog context listings model permissions plan spec",
    "survey": "aws catalog config faults plan report work",
    "granted": "analysis config faults survey",
    "probes": "aws catalog faults forecast paths permissions policy work",
    "doctor": "aws catalog config faults model permissions policy probes sinks spec survey work",
    "outlook": "aws catalog config doctor faults forecast model survey",
    "before": "aws catalog config doctor faults granted outlook policy",
    # what users touch; the sample estate is the command's and the tests' alone
    "demo": "published",
    "cli": "before catalog config console demo document faults log plan report run sinks spec",
    "__main__": "cli",
}
"""In the order of the layers: a part imports only what stands above it. What only types need is not counted."""


def _part(name: str) -> str:
    """`collector.aws.calls` is of the part `aws`."""
    return name.split(".")[1]


def _imported(node: ast.AST) -> Iterator[str]:
    """The modules that a module imports when it runs."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        whole = node.module == "collector"
        yield from (f"collector.{alias.name}" for alias in node.names) if whole else (node.module,)
    elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
        for inner in ast.iter_child_nodes(node):
            yield from _imported(inner)


def _parts() -> dict[str, set[str]]:
    """Each part with the other parts that it imports."""
    found: dict[str, set[str]] = {}
    for path in HOME.rglob("*.py"):
        name = path.relative_to(HOME).with_suffix("").parts[0]
        imported = {_part(each) for each in _imported(ast.parse(path.read_text())) if each.startswith("collector.")}
        found.setdefault(name, set()).update(imported - {name, "__version__"})
    return {name: imported for name, imported in found.items() if name != "__init__"}


@pytest.mark.parametrize(("part", "imported"), sorted(_parts().items()))
def test_a_part_imports_only_what_its_row_allows(part: str, imported: set[str]):
    assert imported - set(MAY_IMPORT[part].split()) == set()


def test_the_table_allows_nothing_that_is_not_there():
    assert MAY_IMPORT.keys() == _parts().keys()
    assert {part for allowed in MAY_IMPORT.values() for part in allowed.split()} <= MAY_IMPORT.keys()


def test_imports_go_one_way():
    order = list(MAY_IMPORT)
    late = {
        (part, each)
        for part, allowed in MAY_IMPORT.items()
        for each in allowed.split()
        if order.index(each) > order.index(part)
    }
    assert late == set()
