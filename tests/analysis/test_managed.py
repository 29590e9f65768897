"""All policies that AWS manages, as moto ships them, go through; what they give is recorded.

The record is renewed with `python -m tests.analysis.test_managed`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

from collector.analysis.facts import Account, AnalysisLimits, PolicyFact
from collector.analysis.permissions import Permissions, policy_is_admin
from collector.analysis.results import AnalysisProblem, MappedRelationship, Relationship
from collector.analysis.services import Services
from tests.analysis.estate import INDEX, A

RECORD = Path(__file__).with_name("managed.json")
DOCUMENTS: dict[str, Any] = {name: policy["Document"] for name, policy in json.loads(aws_managed_policies_data).items()}


@cache
def summary() -> dict[str, Any]:
    """What all the documents give: relationships by target, policies by what they reach, counts."""
    counts: Counter[str] = Counter()
    edges: Counter[str] = Counter()
    policies: Counter[str] = Counter()
    services: set[str] = set()
    problems = []
    permissions = Permissions(Account(A), INDEX, AnalysisLimits(), Services(A), counts)
    for name, document in DOCUMENTS.items():
        kinds = set()
        for finding in permissions.findings(PolicyFact(name, "aws_iam_policy", document)):
            if isinstance(finding, AnalysisProblem):
                problems.append(finding)
            elif isinstance(finding, Relationship | MappedRelationship):
                kinds.add(kind := target(finding))
                edges[kind] += 1
                if kind == "service" and isinstance(finding, Relationship):
                    services.add(finding.target_type)
        policies[
            " and ".join(sorted({kind if kind in ("account", "service") else "resource" for kind in kinds}))
            or "nothing"
        ] += 1
    return {
        "documents": len(DOCUMENTS),
        "digest": hashlib.sha256(aws_managed_policies_data.encode()).hexdigest(),
        "problems": len(problems),
        "admin": sorted(name for name, document in DOCUMENTS.items() if policy_is_admin(document)),
        "relationships by target": dict(sorted(edges.items())),
        "policies by what they reach": dict(sorted(policies.items())),
        "services": len(services),
        "counts": {name: number for name, number in sorted(counts.items()) if number},
    }


def target(finding: Relationship | MappedRelationship) -> str:
    if isinstance(finding, MappedRelationship):
        return "foreign account"
    if ":service:" in finding.target_key:
        return "service"
    return "account" if finding.target_type == "aws_account" else finding.target_type


def test_all_documents_go_through_without_a_fault():
    found = summary()
    assert (found["documents"], found["problems"]) == (len(DOCUMENTS), 0)
    assert found["documents"] >= 1500


def test_the_administrators_policies_are_known():
    assert {"AdministratorAccess"} <= set(summary()["admin"])
    assert "PowerUserAccess" not in summary()["admin"]


def test_what_they_give_is_what_is_recorded():
    recorded = json.loads(RECORD.read_text())
    if recorded["digest"] != summary()["digest"]:
        pytest.skip("moto ships other documents than those recorded")
    assert summary() == recorded


if __name__ == "__main__":
    RECORD.write_text(json.dumps(summary(), indent=1) + "\n")
