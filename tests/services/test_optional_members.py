"""No function of a declaration reads a member by `row["X"]` that AWS may leave out: it would cost the value, or the row."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import collector.services
from collector.catalog.catalog import Catalog, client_of, declarations
from collector.schema.declarations import Call, Custom, Declaration, Describe, Gather, Hydrate, SameAnswer, Service
from tests.declarations import SYNTHETIC_FIELDS, operation

ROOT = Path(collector.services.__path__[0])
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py") if path.name != "__init__.py")
ENGINE_ADDS = {"^", "Item", "Region", *SYNTHETIC_FIELDS}
MATCHES = {"fullmatch", "match", "search"}
"""Methods of a pattern: the groups of what they return are read by name."""


def services_of(module: str) -> list[Service]:
    """The services of a module: those of its package, if it is in one."""
    name = module.partition("/")[0].removesuffix(".py").rstrip("_")
    return [service for service in Catalog.all().services if service.name == name] or list(Catalog.all().services)


def added(declaration: Declaration) -> Iterator[str]:
    """The fields that are in every row of a declaration unless a call failed, which makes values that read them unknown."""
    rows = declaration.rows.call if isinstance(declaration.rows, SameAnswer) else declaration.rows
    if isinstance(rows, Call) and rows.wrap:
        yield rows.wrap
    yield from (join.at for join in declaration.join)
    yield from (hydrate.at for hydrate in declaration.hydrate if hydrate.when is None and not hydrate.absent)


def operations(service: Service) -> Iterator[tuple[str, str]]:
    for declaration in declarations(service):
        for source in (declaration.rows, *(join.rows for join in declaration.join)):
            rows = source.call if isinstance(source, SameAnswer) else source
            if isinstance(rows, Call):
                yield client_of(service, declaration, rows.client), rows.op
            elif isinstance(rows, Custom):
                yield from ((client_of(service, declaration, rows.client), op) for op in rows.ops)
        describe = (declaration.describe,) if declaration.describe else ()
        calls: tuple[Hydrate | Gather | Describe, ...] = (*declaration.hydrate, *declaration.gather, *describe)
        for further in calls:
            yield client_of(service, declaration, getattr(further, "client", None)), further.op


@cache
def members(service: Service) -> dict[str, bool]:
    """Every member in the responses of a service, and whether it is required in all structures that have it."""
    found: dict[str, bool] = {}
    seen: set[tuple[str, str]] = set()

    def visit(client: str, shape: Any) -> None:
        if shape is None or (client, shape.name) in seen:
            return
        seen.add((client, shape.name))
        if shape.type_name == "structure":
            for name, inner in shape.members.items():
                found[name] = found.get(name, True) and name in shape.required_members
                visit(client, inner)
        elif shape.type_name in ("list", "map"):
            visit(client, shape.member if shape.type_name == "list" else shape.value)

    for client, op in operations(service):
        visit(client, operation(client, op).output_shape)
    return found


def reads(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The members that are read by `value["X"]`, with their lines; without types, match groups and the guarded ones."""
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            child.parent = node  # type: ignore[attr-defined]  # for `is_guarded`
    groups = set(_matches(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and not _is_type(node):
            key = node.slice
            of_match = isinstance(node.value, ast.Name) and node.value.id in groups
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and not of_match and not _is_guarded(node):
                yield node.lineno, key.value
            elif (
                isinstance(key, ast.JoinedStr | ast.Name) and isinstance(node.value, ast.Name) and node.value.id in ROWS
            ):
                yield node.lineno, ast.unparse(key)


ROWS = {"row", "item", "one", "parent"}
"""Names of rows, whose members must not be read by a computed name either."""


def _matches(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        value = node.value if isinstance(node, ast.Assign | ast.NamedExpr) else None
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in MATCHES:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]  # type: ignore[attr-defined]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def _is_type(node: ast.Subscript) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("Literal", "dict", "list", "tuple", "TypeAlias")


def _is_guarded(node: ast.Subscript) -> bool:
    """Whether the same value is tested for the member around it: `if "X" in row`, `row["X"] if "X" in row else …`."""
    wanted = f"{ast.unparse(node.slice)} in {ast.unparse(node.value)}"
    missing = f"{ast.unparse(node.slice)} not in {ast.unparse(node.value)}"
    around: Any = node
    while (around := getattr(around, "parent", None)) is not None:
        for test in _tests(around):
            if wanted in test:
                return True
        if isinstance(around, ast.FunctionDef):  # an early return without the member
            returns = [
                each for each in around.body if isinstance(each, ast.If) and isinstance(each.body[-1], ast.Return)
            ]
            return any(ast.unparse(each.test) == missing for each in returns if each.lineno < node.lineno)
    return False


def _tests(node: Any) -> Iterator[str]:
    if isinstance(node, ast.If | ast.IfExp):
        yield ast.unparse(node.test)
    elif isinstance(node, ast.comprehension):
        yield from map(ast.unparse, node.ifs)
    elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp):
        yield from (ast.unparse(test) for each in node.generators for test in each.ifs)


def optional_reads(module: str, source: str) -> list[str]:
    allowed = {*ENGINE_ADDS}
    required: dict[str, bool] = {}
    for service in services_of(module):
        allowed |= {field for declaration in declarations(service) for field in added(declaration)}
        for name, is_required in members(service).items():
            required[name] = required.get(name, True) and is_required
    return [
        f"{module}:{line}: {member} may be missing: read it by `.get`, or by a path"
        for line, member in reads(ast.parse(source))
        if member not in allowed and not required.get(member, False)
    ]


@pytest.mark.parametrize("module", MODULES)
def test_no_optional_member_is_read_by_its_subscript(module):
    assert optional_reads(module, (ROOT / module).read_text()) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('def f(row): return row["State"]["Name"]', 2),  # both are optional in EC2's model
        ('f = Computed(lambda row: [one["GroupId"] for one in row.get("Groups")], ("Groups",))', 1),
        ('def f(row): return row["State"] if "State" in row else None', 0),
        ('def f(row):\n  if "State" not in row:\n    return None\n  return row["State"]', 0),
        ('def f(row): return row["RouteTables"]', 0),  # a join adds it
        ('def f(row): return row["^"].get("VpcId")', 0),
        ('def f(text): return found["State"] if (found := X.search(text)) else None', 0),
        ("def f(row, name): return row[name]", 1),
    ],
)
def test_the_lint_finds_subscripts_of_optional_members(source, found):
    assert len(optional_reads("ec2/network.py", source)) == found
