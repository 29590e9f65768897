"""The analysis of one account, in steps that are short enough to be taken between other work."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from collector.analysis.authorization import forms, services
from collector.analysis.facts import AnalysisLimits, Facts
from collector.analysis.firewall import Firewalls
from collector.analysis.matching import ResourceIndex
from collector.analysis.permissions import STEP_SIZE, Permissions
from collector.analysis.principals import PrincipalIndex
from collector.analysis.resource_policies import ResourcePolicies
from collector.analysis.results import Counts, Result
from collector.analysis.services import Services
from collector.analysis.trust import Trusts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PAGE = 5_000
"""How many resources are taken into the index in one step."""

T = TypeVar("T")


def analyse(
    facts: Facts, options: AnalysisLimits | None = None, index: ResourceIndex | None = None
) -> Iterator[list[Result]]:
    """All findings about an account, a step at a time; a step may have none.

    With an index that already holds resources of other accounts, relationships are drawn to those too; the account's own
    resources are added to it. The last step is the counts. It reads and changes nothing but the index, so it can run in a
    thread or a process of its own.
    """
    index = ResourceIndex() if index is None else index
    yield from _prepared()
    yield from _indexed(facts, index)
    counts: Counter[str] = Counter()
    entities = Services(facts.account.id)
    directory = PrincipalIndex(facts.account, index, facts.unique_ids)
    firewalls = Firewalls(facts.account, index, facts.network, (group.key for group in facts.security_groups), counts)
    yield from Permissions(facts.account, index, options or AnalysisLimits(), entities, counts).steps(facts.policies)
    yield from _steps(
        ResourcePolicies(facts.account, index, directory, entities, counts).findings, facts.resource_policies
    )
    yield from _steps(Trusts(facts.account, directory, entities, counts).findings, facts.trusts)
    yield from _steps(firewalls.security_group, facts.security_groups)
    yield from _steps(firewalls.network_acl, facts.network_acls)
    yield [Counts(dict(sorted(counts.items())))]


def _prepared() -> Iterator[list[Result]]:
    """Read the authorization reference, once for the process, in steps of its own."""
    services()
    yield []
    forms("")
    yield []


def _indexed(facts: Facts, index: ResourceIndex) -> Iterator[list[Result]]:
    index.add(facts.account.id, ())
    resources = iter(facts.resources)
    while page := list(islice(resources, PAGE)):
        index.add(facts.account.id, page, facts.arns)
        yield []
    for _ in index.settle():
        yield []


def _steps(findings: Callable[[T], Iterator[Result]], facts: Iterable[T]) -> Iterator[list[Result]]:
    found: list[Result] = []
    for fact in facts:
        for finding in findings(fact):
            found.append(finding)
            if len(found) == STEP_SIZE:
                yield found
                found = []
    yield found
