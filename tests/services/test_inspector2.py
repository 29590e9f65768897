from __future__ import annotations

from tests.pipeline import collect


async def test_findings_are_not_requested_if_inspector_is_disabled():
    outcome = await collect("inspector2", folder="inspector2-off")
    assert [record["_type"] for record in outcome.entities] == ["aws_inspector"]
    assert {op for _, op, _ in outcome.calls} == {"batch_get_account_status"}
