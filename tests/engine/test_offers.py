from __future__ import annotations

import botocore.session
import pytest

from collector.aws.availability import NOTHING_KNOWN, Availability
from collector.aws.faults import NO_SUCH_HOST
from collector.catalog.catalog import Catalog
from collector.engine.offers import judge_unresolved
from collector.engine.plan import jobs
from collector.faults import CallFailed, Reason
from collector.model import Scope, Target
from collector.report import Ledger, Status

ACCOUNT = "111122223333"
AVAILABILITY = Availability(botocore.session.get_session().get_component("data_loader").load_data("endpoints"))
NEW, OLD = "ap-southeast-6", "us-east-1"
"""A region that the endpoint data hardly know, and one that they know."""


class Account:
    """The jobs and the ledger of an account whose scopes have ended."""

    def __init__(self, *services: str, regions=(OLD, NEW), partition="aws") -> None:
        arn = f"arn:{partition}:iam::{ACCOUNT}:root"
        target = Target(partition, ACCOUNT, arn, regions, regions)
        self.jobs = jobs(Catalog.all().choose(services), target)
        self.ledger = Ledger("run", "1")
        for job in self.jobs:
            self.ledger.begin(job.scope)
            self.ledger.end(job.scope)

    def record(self, service, region):
        return self.ledger.scopes[Scope(ACCOUNT, region, service)]

    def unresolved(self, service, client, region, code=NO_SUCH_HOST):
        record = self.record(service, region)
        record.fail(CallFailed(f"{client}:List", Reason.UNREACHABLE, code, "x"), ["aws_x"])
        if code == NO_SUCH_HOST:
            record.unresolved |= {(client, region)}
        return record

    def reached(self, service, client, region):
        self.record(service, region).reached |= {(client, region)}

    def judge(self, availability=AVAILABILITY):
        return [
            (scope.service, scope.region, clients)
            for scope, clients in judge_unresolved(self.ledger.of_account(ACCOUNT), self.jobs, availability)
        ]


def test_a_service_that_resolves_in_another_region_only_is_unavailable():
    account = Account("guardduty")
    record = account.unresolved("guardduty", "guardduty", NEW)
    account.reached("guardduty", "guardduty", OLD)
    assert account.judge() == [("guardduty", NEW, ["guardduty"])]
    assert (record.status, record.problems, record.incomplete_types()) == (Status.UNAVAILABLE, {}, set())
    assert account.ledger.report(())["scopes"][0]["notOffered"] == ["guardduty"]


def test_a_service_that_resolves_nowhere_stays_a_failure():
    account = Account("guardduty", "sqs")
    records = [account.unresolved("guardduty", "guardduty", region) for region in (OLD, NEW)]
    for region in (OLD, NEW):
        account.reached("sqs", "sqs", region)
    assert account.judge() == []
    assert {record.status for record in records} == {Status.PARTIAL}


def test_a_region_that_the_data_list_stays_a_failure():
    account = Account("guardduty", regions=(OLD, "eu-west-1"))
    record = account.unresolved("guardduty", "guardduty", "eu-west-1")
    account.reached("guardduty", "guardduty", OLD)
    assert account.judge() == []
    assert (record.status, record.incomplete_types()) == (Status.PARTIAL, {"aws_x"})


def test_a_name_that_resolved_in_another_call_is_not_absent():
    account = Account("sqs", "sns", regions=(OLD, "us-east-9"))
    account.reached("sqs", "resourcegroupstaggingapi", "us-east-9")
    account.reached("sqs", "resourcegroupstaggingapi", OLD)
    account.unresolved("sns", "resourcegroupstaggingapi", "us-east-9")
    assert account.judge() == []


def test_a_resolver_that_failed_says_nothing():
    account = Account("guardduty")
    account.unresolved("guardduty", "guardduty", NEW, code="EndpointConnectionError")
    account.reached("guardduty", "guardduty", OLD)
    assert account.judge() == []


def test_only_the_failures_of_the_absent_client_are_taken_back():
    account = Account("elb", regions=(OLD, "us-east-9"))
    record = account.unresolved("elb", "elb", "us-east-9")
    account.reached("elb", "elb", OLD)
    account.reached("elb", "elbv2", "us-east-9")
    denied = CallFailed("elbv2:DescribeLoadBalancers", Reason.DENIED, "AccessDenied", "x")
    record.fail(denied, ["aws_alb"])
    assert account.judge() == [("elb", "us-east-9", ["elb"])]
    assert (record.status, record.incomplete_types()) == (Status.PARTIAL, {"aws_alb"})


def test_a_scope_that_lists_with_another_client_too_is_still_complete():
    account = Account("elb", regions=(OLD, "us-east-9"))
    record = account.unresolved("elb", "elb", "us-east-9")
    account.reached("elb", "elb", OLD)
    account.reached("elb", "elbv2", "us-east-9")
    account.judge()
    assert record.status is Status.COMPLETE


def test_a_scope_whose_clients_are_all_absent_is_unavailable():
    account = Account("elb", regions=(OLD, "us-east-9"))
    for client in ("elb", "elbv2"):
        record = account.unresolved("elb", client, "us-east-9")
        account.reached("elb", client, OLD)
    account.judge()
    assert (record.status, sorted(record.not_offered)) == (Status.UNAVAILABLE, ["elb", "elbv2"])


def test_a_scope_is_not_unavailable_because_of_a_joined_client():
    account = Account("sqs", regions=(OLD, "us-east-9"))
    record = account.unresolved("sqs", "resourcegroupstaggingapi", "us-east-9")
    account.reached("sqs", "resourcegroupstaggingapi", OLD)
    account.judge()
    assert record.status is Status.COMPLETE


@pytest.mark.parametrize(("elsewhere", "judged"), [(True, [("cloudhsm", "cn-north-1", ["cloudhsmv2"])]), (False, [])])
def test_a_service_that_the_data_do_not_list_in_the_partition_is_judged_by_its_region(elsewhere, judged):
    account = Account("cloudhsm", "sqs", regions=("cn-north-1",), partition="aws-cn")
    account.unresolved("cloudhsm", "cloudhsmv2", "cn-north-1")
    if elsewhere:
        account.reached("sqs", "sqs", "cn-north-1")
    assert account.judge() == judged


def test_another_partition_proves_nothing():
    account = Account("guardduty")
    account.unresolved("guardduty", "guardduty", NEW)
    account.record("guardduty", OLD).reached |= {("guardduty", "cn-north-1")}
    assert account.judge() == []


def test_without_endpoint_data_a_name_is_judged_by_its_region():
    account = Account("sqs", "sns")
    account.unresolved("sqs", "sqs", NEW)
    assert account.judge(NOTHING_KNOWN) == []


def test_what_another_account_reached_does_not_count():
    account = Account("guardduty")
    account.unresolved("guardduty", "guardduty", NEW)
    account.ledger.plan(Scope("444455556666", OLD, "guardduty")).reached |= {("guardduty", OLD)}
    assert account.judge() == []


def test_host_names_are_forgotten_once_they_are_judged():
    account = Account("guardduty")
    records = [account.unresolved("guardduty", "guardduty", NEW), account.record("guardduty", OLD)]
    account.reached("guardduty", "guardduty", OLD)
    account.judge()
    assert [(record.reached, record.unresolved) for record in records] == [(frozenset(), frozenset())] * 2
