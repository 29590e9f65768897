from __future__ import annotations

import pickle

import pytest

from collector.faults import NOT_OFFERED, CallFailed, Reason
from collector.model import Dangling, Scope, Totals
from collector.report import Ledger, Status

EC2 = Scope("111122223333", "us-east-1", "ec2")
SQS = Scope("111122223333", "us-east-1", "sqs")
OTHER = Scope("444455556666", "global", "account")


def _failure(reason: Reason, operation: str = "ec2:DescribeVolumes", code: str = "Code") -> CallFailed:
    return CallFailed(operation, reason, code, "a message")


def _ledger(*scopes: Scope) -> Ledger:
    """A ledger in which these scopes have begun and ended, with a clock that advances a second at each reading."""
    seconds = iter(range(1_700_000_000, 1_700_001_000))
    ledger = Ledger("run-1", "1.2.3", clock=lambda: next(seconds))
    for scope in scopes:
        ledger.begin(scope)
        ledger.end(scope)
    return ledger


def test_a_scope_that_ended_without_problems_is_complete():
    assert _ledger(EC2).scopes[EC2].status is Status.COMPLETE


def test_the_message_of_a_problem_has_no_credentials_whoever_recorded_it():
    record = _ledger(EC2).scopes[EC2]
    record.fail(CallFailed("ec2", Reason.ERROR, "ValueError", "bad row:\ntoken=s3cr3t"))
    assert [problem.message for problem in record.problems.values()] == ["bad row: token=REDACTED"]


def test_a_planned_scope_that_has_not_ended_is_partial():
    ledger = _ledger()
    assert ledger.plan(EC2).status is Status.PARTIAL
    assert ledger.begin(EC2).status is Status.PARTIAL


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.VANISHED])
def test_a_failure_makes_its_scope_partial_and_its_types_incomplete(reason):
    ledger = _ledger(EC2)
    ledger.scopes[EC2].fail(_failure(reason), {"aws_ebs_volume"})
    assert ledger.scopes[EC2].status is Status.PARTIAL
    assert ledger.incomplete_types() == {"aws_ebs_volume"}


def test_a_vanished_resource_is_reported_and_its_scope_stays_complete():
    ledger = _ledger(EC2)
    ledger.scopes[EC2].fail(_failure(Reason.VANISHED), {"aws_ebs_volume"})
    assert ledger.scopes[EC2].status is Status.COMPLETE
    assert ledger.incomplete_types() == set()
    (scope,) = ledger.report(())["scopes"]
    assert scope["problems"][0]["reason"] == "vanished"


def test_a_skipped_scope_keeps_its_reason_and_leaves_the_run_complete():
    ledger = _ledger(EC2)
    ledger.skip(OTHER, _failure(Reason.REGION_DISABLED))
    assert ledger.scopes[OTHER].status is Status.SKIPPED
    assert ledger.status is Status.COMPLETE
    assert ledger.incomplete_types() == set()


def test_a_scope_that_aws_does_not_offer_is_unavailable_and_leaves_the_run_complete():
    ledger = _ledger(EC2)
    record = ledger.plan(SQS)
    record.unavailable = True
    record.mark_not_offered({"sqs"}, NOT_OFFERED)
    assert (record.status, ledger.status, ledger.incomplete_types()) == (Status.UNAVAILABLE, Status.COMPLETE, set())
    scopes = {scope["service"]: scope for scope in ledger.report(())["scopes"]}
    assert (scopes["sqs"]["status"], scopes["sqs"]["notOffered"], scopes["sqs"]["problems"]) == (
        "unavailable",
        ["sqs"],
        [],
    )
    assert "notOffered" not in scopes["ec2"]


def test_only_problems_of_a_client_that_is_not_offered_are_none():
    record = _ledger(EC2).scopes[EC2]
    record.fail(_failure(Reason.UNREACHABLE, code="NoSuchHost"), {"aws_ebs_volume"})
    record.fail(_failure(Reason.UNREACHABLE, operation="ec2x:DescribeVpcs", code="NoSuchHost"), {"aws_vpc"})
    record.fail(_failure(Reason.DENIED), {"aws_instance"})
    record.mark_not_offered({"ec2"}, "NoSuchHost")
    assert record.incomplete_types() == {"aws_vpc", "aws_instance"}


def test_what_another_process_learnt_of_endpoints_is_added():
    record, other = _ledger(EC2).scopes[EC2], _ledger(EC2).scopes[EC2]
    other.reached = frozenset({("ec2", "us-east-1")})
    other.unresolved = frozenset({("ec2", "us-east-9")})
    other.not_offered.add("sns")
    record.add(pickle.loads(pickle.dumps(other)))
    assert (record.reached, record.unresolved) == (other.reached, other.unresolved)
    assert (record.not_offered, record.unavailable) == ({"sns"}, False)


def test_equal_failures_are_one_problem_with_a_count_and_all_types():
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


def test_a_long_message_is_truncated():
    ledger = _ledger(EC2)
    ledger.scopes[EC2].fail(CallFailed("ec2:DescribeVolumes", Reason.ERROR, "Code", "x" * 10_000))
    (scope,) = ledger.report(())["scopes"]
    assert len(scope["problems"][0]["message"]) == 500


def test_a_run_with_entities_and_a_partial_scope_is_partial():
    ledger = _ledger(EC2, SQS)
    ledger.scopes[EC2].fail(_failure(Reason.DENIED))
    ledger.types["aws_sqs_queue"] += 1
    assert ledger.status is Status.PARTIAL


def test_a_run_without_entities_and_with_a_partial_scope_has_failed():
    ledger = _ledger(EC2, SQS)
    ledger.scopes[EC2].fail(_failure(Reason.DENIED))
    assert ledger.status is Status.FAILED


def test_a_run_without_scopes_has_failed():
    assert _ledger().status is Status.FAILED


def test_a_stopped_run_is_partial():
    ledger = _ledger(EC2)
    ledger.types["aws_vpc"] += 1
    ledger.stopped = True
    assert ledger.status is Status.PARTIAL


def test_an_empty_account_with_complete_scopes_is_complete():
    assert _ledger(EC2, SQS).status is Status.COMPLETE


def test_incomplete_types_are_those_of_one_account_or_of_all():
    ledger = _ledger(EC2, OTHER)
    ledger.scopes[EC2].fail(_failure(Reason.DENIED), {"aws_vpc"})
    ledger.scopes[OTHER].fail(_failure(Reason.DENIED), {"aws_account"})
    assert ledger.incomplete_types(EC2.account) == {"aws_vpc"}
    assert ledger.incomplete_types() == {"aws_vpc", "aws_account"}


def test_what_concerns_one_account_reads_no_scope_of_another():
    ledger = _ledger(EC2, SQS, OTHER)
    ledger.scopes[OTHER] = object()  # type: ignore[assignment]  # has nothing that could be read
    ledger.scopes[EC2].fail(_failure(Reason.DENIED), {"aws_vpc"})
    assert ledger.of_account(EC2.account) == {scope: ledger.scopes[scope] for scope in (EC2, SQS)}
    assert ledger.incomplete_types(EC2.account) == {"aws_vpc"}
    assert ledger.of_account("777788889999") == {}


def test_a_record_that_is_taken_out_is_gone_and_its_scope_can_be_planned_again():
    ledger = _ledger(EC2, SQS)
    record = ledger.scopes[EC2]
    assert ledger.pop(EC2) is record
    assert ledger.of_account(EC2.account) == ledger.scopes == {SQS: ledger.scopes[SQS]}
    assert ledger.plan(EC2) is not record


def test_entities_relationships_and_mapped_relationships_are_counted_separately():
    ledger = _ledger(EC2)
    ledger.count({"_key": "a", "_type": "aws_vpc", "_class": ["Network"]})
    ledger.count({"_type": "aws_ec2_has_vpc", "_class": "HAS", "_fromEntityKey": "x", "_toEntityKey": "a"})
    ledger.count({"_type": "aws_vpc_connects_vpc", "_class": "CONNECTS", "_mapping": {}})
    counts = ledger.report(())["counts"]
    assert (counts["entities"], counts["relationships"], counts["mappedRelationships"]) == (1, 1, 1)


def test_the_report_sums_its_scopes_and_is_sorted():
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
    assert report["partialDatasets"] == {"types": ["y", "z"], "patterns": []}


def test_a_scope_that_never_began_has_zero_seconds():
    ledger = _ledger()
    ledger.plan(EC2)
    (scope,) = ledger.report(())["scopes"]
    assert (scope["status"], scope["seconds"]) == ("partial", 0.0)


def test_merging_the_ledger_of_another_process_adds_its_totals():
    one, other = _ledger(EC2), _ledger(OTHER)
    one.types["aws_vpc"], other.types["aws_vpc"] = 1, 2
    one.mapped, other.mapped = 1, 1
    one.duplicates, other.duplicates = 10, 20
    other.relationships["aws_ec2_has_vpc"] = 3
    one.analysis["danglingArns"], other.analysis["danglingArns"], other.analysis["staleGroupRules"] = 1, 2, 0
    one.merge(other)
    assert one.report(())["analysis"] == {"danglingArns": 3}
    counts = one.report(())["counts"]
    assert (counts["entities"], counts["relationships"], counts["mappedRelationships"], counts["duplicates"]) == (
        3,
        3,
        2,
        30,
    )
    assert one.scopes.keys() == {EC2, OTHER}


def test_merging_adds_the_calls_and_problems_of_a_shared_scope():
    ledger, other = _ledger(EC2), _ledger(EC2)
    denied = CallFailed("ec2:DescribeVpcs", Reason.DENIED, "UnauthorizedOperation", "no")
    own, merged = ledger.scopes[EC2], other.begin(EC2)
    own.entities, merged.calls, merged.retries, merged.throttles = 4, 3, 2, 1
    merged.fail(denied, {"aws_vpc"})
    own.fail(denied, {"aws_subnet"})
    other.end(EC2)
    ledger.merge(other)
    (scope,) = ledger.report(())["scopes"]
    assert (scope["entities"], scope["calls"], scope["status"]) == (4, 3, "partial")
    (problem,) = scope["problems"]
    assert (problem["count"], problem["types"]) == (2, ["aws_subnet", "aws_vpc"])
    counts = ledger.report(())["counts"]
    assert (counts["retries"], counts["throttles"]) == (2, 1)


def test_totals_have_no_scope_that_is_skipped_or_unavailable_but_all_calls():
    ledger = _ledger(EC2)
    ledger.plan(SQS).calls = 2
    ledger.plan(Scope("1", "us-west-1", "workspaces")).unavailable = True
    ledger.skip(OTHER, _failure(Reason.ERROR))
    ledger.scopes[OTHER].calls = ledger.scopes[OTHER].throttles = 1
    ledger.types["aws_sqs_queue"] = 5
    assert ledger.totals() == Totals(accounts=1, scopes=2, ended=1, entities=5, calls=3, throttles=1)


def test_an_account_counts_once_its_services_are_planned():
    ledger = _ledger(Scope("1", "global", "account"))
    assert (ledger.totals().accounts, ledger.totals().scopes) == (0, 1)
    ledger.plan(Scope("1", "us-east-1", "sqs"))
    ledger.plan(Scope("1", "us-east-1", "sns"))
    assert ledger.totals().accounts == 1


def test_totals_count_an_account_once_before_and_after_it_is_done():
    ledger = _ledger(EC2, OTHER)
    ledger.scopes[EC2].calls, ledger.scopes[OTHER].calls = 3, 4
    ledger.scopes[EC2].throttles = 2
    before = ledger.totals()
    ledger.settle(EC2.account)
    assert ledger.totals() == before
    assert (before.calls, before.throttles, before.scopes) == (7, 2, 2)
