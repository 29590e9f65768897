from __future__ import annotations

from collector.services.account import is_master, is_member, management_account_key
from tests.pipeline import collect

MEMBER = "arn:aws-us-gov:organizations::210987654321:account/o-a1b2c3d4e5/123456789012"


def test_the_management_account_is_read_from_a_members_arn():
    assert management_account_key(MEMBER) == "arn:aws-us-gov:iam::210987654321:root"
    assert is_member({"Arn": MEMBER, "Id": "123456789012"})
    assert not is_member({"Arn": MEMBER, "Id": "210987654321"})


def test_an_account_outside_of_an_organization_is_neither_master_nor_member():
    organization = {"Organization": {"Organization": {"MasterAccountId": "1"}}}
    assert is_master({"AccountId": "1", **organization}) is True
    assert is_master({"AccountId": "2", **organization}) is False
    assert is_master({"AccountId": "1"}) is None


async def test_a_member_account_has_its_organization_but_no_other_accounts():
    outcome = await collect("account", folder="account-member")
    [account] = [record for record in outcome.entities if record["_type"] == "aws_account"]
    assert account["name"] == account["id"] == "123456789012"
    assert account["master"] is False
    assert account["masterAccountId"] == "210987654321"
    assert not {"email", "status", "active", "blockPublicAcls", "securityContactEmail"} & set(account)
    assert not any(record["_type"] == "aws_account_has_account" for record in outcome.relationships)


async def test_absent_resources_of_a_member_account_are_no_problems():
    outcome = await collect("account", folder="account-member")
    assert [(problem["operation"], problem["reason"]) for problem in outcome.problems] == [
        ("iam:GetCredentialReport", "denied")
    ]
    operations = {op for _, op, _ in outcome.calls}
    assert not {"list_parents", "list_tags_for_resource"} & operations
