"""The analysis of one account, as a generator of short steps that an event loop can interleave with other work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from collector.analysis.authorization import forms, services
from collector.analysis.facts import AnalysisLimits, Facts
from collector.analysis.firewall import Firewalls
from collector.analysis.matching import ResourceIndex
from collector.analysis.permissions import STEP_SIZE, Permissions
from collector.analysis.principals import PrincipalIndex
from collector.analysis.resource_policies import ResourcePolicies
from collector.analysis.results import Counts, F, Result, guarded
from collector.analysis.services import Services
from collector.analysis.trust import Trusts

PAGE = 5_000
"""Number of resources added to the index in one step."""


def analyse(
    facts: Facts, options: AnalysisLimits | None = None, index: ResourceIndex | None = None
) -> Iterator[list[Result]]:
    """Yield all findings about an account, one list per step; a list may be empty. The last step is the counts.

    If `index` already holds resources of other accounts, relationships to those are drawn as well; the account's own
    resources are added to it. Nothing but the index is modified, so the analysis can run in another thread or process.
    """
    index = ResourceIndex() if index is None else index
    yield from _load_reference()
    yield from _fill_index(facts, index)
    counts: Counter[str] = Counter()
    entities = Services(facts.account.id)
    principals = PrincipalIndex(facts.account, index, facts.unique_ids)
    firewalls = Firewalls(facts.account, index, facts.network, (group.key for group in facts.security_groups), counts)
    yield from Permissions(facts.account, index, options or AnalysisLimits(), entities, counts).steps(facts.policies)
    yield from _steps(
        ResourcePolicies(facts.account, index, principals, entities, counts).findings, facts.resource_policies
    )
    yield from _steps(Trusts(facts.account, principals, entities, counts).findings, facts.trusts)
    yield from _steps(firewalls.security_group, facts.security_groups)
    yield from _steps(firewalls.network_acl, facts.network_acls)
    yield [Counts(dict(sorted(counts.items())))]


def _load_reference() -> Iterator[list[Result]]:
    """Load the authorization reference into its process-wide caches, in separate steps."""
    services()
    yield []
    forms("")
    yield []


def _fill_index(facts: Facts, index: ResourceIndex) -> Iterator[list[Result]]:
    index.add(facts.account.id, ())
    resources = iter(facts.resources)
    while page := list(islice(resources, PAGE)):
        index.add(facts.account.id, page, facts.arns)
        yield []
    for _ in index.sort():
        yield []


def _steps(findings: Callable[[F], Iterator[Result]], facts: Iterable[F]) -> Iterator[list[Result]]:
    found: list[Result] = []
    for fact in facts:
        for finding in guarded(findings, fact):
            found.append(finding)
            if len(found) == STEP_SIZE:
                yield found
                found = []
    yield found
