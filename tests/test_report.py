from __future__ import annotations

import pytest

from collector.faults import CallFailed, Reason
from collector.model import Dangling, Scope
from collector.report import Ledger, Status

EC2 = Scope("111122223333", "us-east-1", "ec2")
SQS = Scope("111122223333", "us-east-1", "sqs")
OTHER = Scope("444455556666", "global", "account")


def _failure(reason: Reason, operation: str = "ec2:DescribeVolumes", code: str = "Code") -> CallFailed:
    return CallFailed(operation, reason, code, "a message")


def _ledger(*scopes: Scope) -> Ledger:
    """A ledger in which these scopes began and ended, over a clock that ticks once a second."""
    seconds = iter(range(1_700_000_000, 1_700_001_000))
    ledger = Ledger("run-1", "1.2.3", clock=lambda: next(seconds))
    for scope in scopes:
        ledger.begin(scope)
        ledger.end(scope)
    return ledger


def test_a_scope_that_ended_without_problems_is_complete():
    assert _ledger(EC2).scopes[EC2].status is Status.COMPLETE


def test_a_scope_that_was_planned_and_did_not_end_is_partial():
    ledger = _ledger()
    assert ledger.plan(EC2).status is Status.PARTIAL
    assert ledger.begin(EC2).status is Status.PARTIAL


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.VANISHED])
def test_any_failure_makes_its_scope_partial_and_harms_its_types(reason):
    ledger = _ledger(EC2)
    ledger.scopes[EC2].fail(_failure(reason), {"aws_ebs_volume"})
    assert ledger.scopes[EC2].status is Status.PARTIAL
    assert ledger.incomplete_types() == {"aws_ebs_volume"}


def test_what_vanished_between_two_calls_is_told_and_harms_nothing():
    ledger = _ledger(EC2)
    ledger.scopes[EC2].fail(_failure(Reason.VANISHED), {"aws_ebs_volume"})
    assert ledger.scopes[EC2].status is Status.COMPLETE
    assert ledger.incomplete_types() == set()
    (scope,) = ledger.report(())["scopes"]
    assert scope["problems"][0]["reason"] == "vanished"


def test_a_skipped_scope_keeps_its_reason_and_harms_nothing():
    ledger = _ledger(EC2)
    ledger.skip(OTHER, _failure(Reason.REGION_DISABLED))
    assert ledger.scopes[OTHER].status is Status.SKIPPED
    assert ledger.status is Status.COMPLETE
    assert ledger.incomplete_types() == set()


def test_the_same_failure_of_an_operation_is_counted_and_its_types_are_gathered():
    ledger = _ledger(EC2)
    for types in ({"aws_ebs_volume"}, {"aws_instance"}):
        ledger.scopes[EC2].fail(_failure(Reason.DENIED), types)
    ledger.scopes[EC2].fail(_failure(Reason.DENIED, operation="ec2:DescribeVpcs"))
    (scope,) = ledger.report(())["scopes"]
    first, second = scope["problems"]
    assert (first["operation"], first["count"], first["types"]) == (
        "ec2:DescribeVolumes",
        2,
        ["aws_ebs_volume", "aws_instance"],
    )
    assert (second["operation"], second["count"], second["types"]) == ("ec2:DescribeVpcs", 1, [])


def test_a_long_message_is_cut():
    ledger = _ledger(EC2)
    ledger.scopes[EC2].fail(CallFailed("ec2:DescribeVolumes", Reason.ERROR, "Code", "x" * 10_000))
    (scope,) = ledger.report(())["scopes"]
    assert len(scope["problems"][0]["message"]) == 500


def test_a_run_is_partial_when_a_scope_is_and_something_was_found():
    ledger = _ledger(EC2, SQS)
    ledger.scopes[EC2].fail(_failure(Reason.DENIED))
    ledger.types["aws_sqs_queue"] += 1
    assert ledger.status is Status.PARTIAL


def test_a_run_that_found_nothing_and_could_not_see_something_has_failed():
    ledger = _ledger(EC2, SQS)
    ledger.scopes[EC2].fail(_failure(Reason.DENIED))
    assert ledger.status is Status.FAILED


def test_a_run_in_which_nothing_was_even_planned_has_failed():
    assert _ledger().status is Status.FAILED


def test_a_run_that_was_stopped_is_not_complete():
    ledger = _ledger(EC2)
    ledger.types["aws_vpc"] += 1
    ledger.stopped = True
    assert ledger.status is Status.PARTIAL


def test_an_empty_account_that_was_seen_whole_is_complete():
    assert _ledger(EC2, SQS).status is Status.COMPLETE


def test_harm_is_told_for_one_account_or_for_all():
    ledger = _ledger(EC2, OTHER)
    ledger.scopes[EC2].fail(_failure(Reason.DENIED), {"aws_vpc"})
    ledger.scopes[OTHER].fail(_failure(Reason.DENIED), {"aws_account"})
    assert ledger.incomplete_types(EC2.account) == {"aws_vpc"}
    assert ledger.incomplete_types() == {"aws_vpc", "aws_account"}


def test_records_are_counted_by_what_they_are():
    ledger = _ledger(EC2)
    ledger.count({"_key": "a", "_type": "aws_vpc", "_class": ["Network"]})
    ledger.count({"_type": "aws_ec2_has_vpc", "_class": "HAS", "_fromEntityKey": "x", "_toEntityKey": "a"})
    ledger.count({"_type": "aws_vpc_connects_vpc", "_class": "CONNECTS", "_mapping": {}})
    counts = ledger.report(())["counts"]
    assert (counts["entities"], counts["relationships"], counts["mappedRelationships"]) == (1, 1, 1)


def test_the_report_sums_its_scopes_and_names_everything_in_order():
    ledger = _ledger(SQS, EC2)
    ledger.scopes[EC2].calls, ledger.scopes[SQS].calls = 3, 4
    ledger.scopes[EC2].retries, ledger.scopes[SQS].throttles = 2, 1
    ledger.types.update({"b": 1, "a": 2})
    ledger.dangling[Dangling("aws_vpc", "HAS", "aws_subnet", "not found")] += 2
    report = ledger.report({"z", "y"})
    assert (report["runId"], report["version"]) == ("run-1", "1.2.3")
    assert (report["startedOn"], report["endedOn"]) == (1_700_000_000_000, 1_700_000_001_000)
    assert (report["counts"]["apiCalls"], report["counts"]["retries"], report["counts"]["throttles"]) == (7, 2, 1)
    assert list(report["types"].items()) == [("a", 2), ("b", 1)]
    assert [scope["service"] for scope in report["scopes"]] == ["ec2", "sqs"]
    assert report["dangling"] == [{"relationship": "aws_vpc HAS aws_subnet", "reason": "not found", "count": 2}]
    assert report["counts"]["dangling"] == 2
    assert report["partialDatasets"] == {"types": ["y", "z"]}


def test_a_scope_that_never_began_took_no_time():
    ledger = _ledger()
    ledger.plan(EC2)
    (scope,) = ledger.report(())["scopes"]
    assert (scope["status"], scope["seconds"]) == ("partial", 0.0)


def test_the_ledgers_of_two_processes_add_up():
    one, other = _ledger(EC2), _ledger(OTHER)
    one.types["aws_vpc"], other.types["aws_vpc"] = 1, 2
    one.mapped, other.mapped = 1, 1
    one.bytes, other.bytes = 10, 20
    other.relationships["aws_ec2_has_vpc"] = 3
    one.take(other)
    counts = one.report(())["counts"]
    assert (counts["entities"], counts["relationships"], counts["mappedRelationships"], counts["bytes"]) == (
        3,
        3,
        2,
        30,
    )
    assert one.scopes.keys() == {EC2, OTHER}


def test_what_two_processes_asked_and_found_in_one_scope_adds_up():
    ledger, other = _ledger(EC2), _ledger(EC2)
    denied = CallFailed("ec2:DescribeVpcs", Reason.DENIED, "UnauthorizedOperation", "no")
    here, there = ledger.scopes[EC2], other.begin(EC2)
    here.entities, there.calls, there.retries, there.throttles = 4, 3, 2, 1
    there.fail(denied, {"aws_vpc"})
    here.fail(denied, {"aws_subnet"})
    other.end(EC2)
    ledger.take(other)
    (scope,) = ledger.report(())["scopes"]
    assert (scope["entities"], scope["calls"], scope["status"]) == (4, 3, "partial")
    (problem,) = scope["problems"]
    assert (problem["count"], problem["types"]) == (2, ["aws_subnet", "aws_vpc"])
    counts = ledger.report(())["counts"]
    assert (counts["retries"], counts["throttles"]) == (2, 1)
