"""A whole account over recorded answers with three known oddities: each costs itself, and the report names it."""

from __future__ import annotations

from typing import Any

from collector.analysis.facts import AnalysisLimits
from collector.catalog.catalog import Catalog
from collector.graph.analysis_run import AnalysisRun
from collector.graph.assemble import Assembler, Page
from collector.model import Options, Scope
from collector.report import Exit, Ledger, Status
from tests.fake import ANSWERS, FakeApi
from tests.pipeline import ACCOUNT, TARGET, run_jobs

SERVICES = ("ec2", "s3")


class MalformedApi(FakeApi):
    """The recorded answers with an malformed interface, an instance without a state, and an encryption rule without a default."""

    def _answers(self, client: str, op: str, params: Any, region: str | None) -> list[Any]:
        answers = super()._answers(client, op, params, region)
        match op:
            case "describe_network_interfaces":
                answers[0]["NetworkInterfaces"][0]["PrivateIpAddress"] = "10.0.0.256"
            case "describe_instances":
                del answers[0]["Reservations"][0]["Instances"][0]["State"]
            case "get_bucket_encryption":
                answers[0].get("ServerSideEncryptionConfiguration", {})["Rules"] = [{"BucketKeyEnabled": True}]
        return answers


async def collect(api: type[FakeApi]) -> tuple[dict[str, dict[str, Any]], Ledger]:
    catalog = Catalog(tuple(service for service in Catalog.all().services if service.name in SERVICES))
    ledger = Ledger("run", "0")
    assembler = Assembler(catalog, Options()).account(TARGET, Options(), ledger)
    records: dict[str, dict[str, Any]] = {}

    def take(page: Page, scope: Scope) -> None:
        records.update({each.record["_key"]: each.record for each in assembler.take(page, scope)})

    await run_jobs(catalog, ledger, lambda service, region: api(ANSWERS / service, region), take)
    records.update({each.record["_key"]: each.record for each in assembler.close(frozenset())})
    analysis = AnalysisRun(TARGET, assembler.graph.entities, ledger, {})
    facts = assembler.facts.facts(assembler.graph.entities.nameable())
    async for found in analysis.draw(facts, AnalysisLimits()):
        records.update({each.record["_key"]: each.record for each in found})
    return records, ledger


def problems(ledger: Ledger) -> dict[str, str]:
    return {
        operation: problem.message
        for scope in ledger.scopes.values()
        for (operation, reason, _), problem in scope.problems.items()
        if reason == "invalid_response" and not problem.benign
    }


async def test_three_oddities_cost_themselves_and_nothing_else():
    (plain, before), (malformed, after) = await collect(FakeApi), await collect(MalformedApi)
    entities = {key for key, record in plain.items() if isinstance(record["_class"], list)}
    assert entities <= malformed.keys()
    assert problems(before) == {}
    # only the address cannot be read: what AWS may leave out is no problem
    assert problems(after) == {
        "analysis:aws_eni": "arn:aws:ec2:us-east-1:123456789012:network-interface/eni-0a1b2c3d4e5f60718: '10.0.0.256'"
        " is no IP address"
    }
    assert (after.status, Exit.PARTIAL) == (Status.PARTIAL, 3)
    assert "aws_eni" in after.incomplete_types(ACCOUNT)


async def test_an_instance_without_state_and_a_rule_without_default_keep_their_edges():
    plain, _ = await collect(FakeApi)
    malformed, _ = await collect(MalformedApi)
    of_instances = {key for key in plain if "|" in key and ":instance/" in key}
    assert of_instances
    assert of_instances <= malformed.keys()
    of_buckets = {key for key in plain if key.startswith("arn:aws:s3:::") and "|allows|" in key.lower()}
    assert of_buckets
    assert of_buckets <= malformed.keys()
