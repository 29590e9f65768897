"""All AWS-managed policies that moto ships are analysed without problems, and a summary of the findings matches the record.

Update the record with `python -m tests.analysis.test_managed`.
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
from collector.analysis.permissions import Permissions
from collector.analysis.results import AnalysisProblem, MappedRelationship, Relationship
from collector.analysis.services import Services
from tests.analysis.estate import INDEX, A

RECORD = Path(__file__).with_name("managed.json")
DOCUMENTS: dict[str, Any] = {name: policy["Document"] for name, policy in json.loads(aws_managed_policies_data).items()}


@cache
def summary() -> dict[str, Any]:
    """Summarize the findings of all documents: relationships by target, policies by the kinds of their targets, counts."""
    counts: Counter[str] = Counter()
    edges: Counter[str] = Counter()
    policies: Counter[str] = Counter()
    services: set[str] = set()
    admin: set[str] = set()
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
                if kind == "account" and finding.properties["admin"] and not finding.properties["conditional"]:
                    admin.add(name)
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
        "admin": sorted(admin),
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


def test_all_documents_are_analysed_without_problems():
    found = summary()
    assert (found["documents"], found["problems"]) == (len(DOCUMENTS), 0)
    assert found["documents"] >= 1500


def test_only_administrator_policies_are_admin():
    assert {"AdministratorAccess"} <= set(summary()["admin"])
    assert "PowerUserAccess" not in summary()["admin"]


def test_the_summary_matches_the_record():
    recorded = json.loads(RECORD.read_text())
    if recorded["digest"] != summary()["digest"]:
        pytest.skip("moto ships other documents than the recorded ones")
    assert summary() == recorded


if __name__ == "__main__":
    RECORD.write_text(json.dumps(summary(), indent=1) + "\n")
