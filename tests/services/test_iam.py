from __future__ import annotations

from typing import Any

import pytest

from collector.services.iam.credential_report import NOT_READY, any_of, credentials, may_be, mentioned, parsed, time_of
from collector.services.iam.policies import (
    default_document,
    default_grants_everything,
    email,
    entity_id,
    grants_everything,
)
from collector.services.iam.service import arn_of, is_device, is_of_account, unless_none

REPORT = (
    b"user,arn,password_enabled,password_last_used,mfa_active,access_key_1_active,access_key_1_last_used_date\n"
    b"<root_account>,arn:aws:iam::123456789012:root,not_supported,no_information,true,false,N/A\n"
    b"ada,arn:aws:iam::123456789012:user/ada,true,2025-11-20T15:45:10+00:00,false,true,2025-11-19T23:05:00+00:00\n"
)
ROOT, ADA = parsed(REPORT)


def test_the_report_leaves_out_what_it_does_not_say():
    assert ROOT == {
        "user": "<root_account>",
        "arn": "arn:aws:iam::123456789012:root",
        "mfa_active": True,
        "access_key_1_active": False,
    }


@pytest.mark.parametrize("rows", [b"", REPORT.splitlines()[0]])
def test_a_report_of_nobody_has_no_rows(rows):
    assert parsed(rows) == []


@pytest.mark.parametrize(
    ("value", "rows", "expected"),
    [
        (mentioned("Report", "mfa_active"), [ADA], False),
        (mentioned("Report", "password_enabled"), [ROOT], None),
        (mentioned("Report", "mfa_active"), [], None),
        (any_of("Report", "password_enabled", "access_key_1_active"), [ADA], True),
        (any_of("Report", "password_enabled", "access_key_1_active"), [ROOT], False),
        (any_of("Report", "password_enabled"), [], None),
        (time_of("Report", "password_last_used", "access_key_1_last_used_date"), [ADA], 1763653510000),
        (time_of("Report", "password_last_used"), [ROOT], None),
        (time_of("Report", "password_last_used"), [], None),
    ],
)
def test_what_the_report_says_of_a_user(value, rows, expected):
    assert value.fn(rows) == expected


@pytest.mark.parametrize(
    ("row", "expected"), [({"Report": [ADA]}, False), ({"Report": [ROOT]}, True), ({"Report": []}, True), ({}, True)]
)
def test_without_a_report_further_questions_are_asked(row, expected):
    assert may_be("Report", "mfa_active").fn(row) is expected


async def test_the_report_is_made_first_and_waited_for():
    asked: list[tuple[str, tuple[str, ...]]] = []

    class Recorder:
        async def once(self, op: str, /, *, again: tuple[str, ...] = (), **params: object) -> dict[str, Any]:
            asked.append((op, again))
            return {"Content": REPORT} if op == "get_credential_report" else {"State": "STARTED"}

    assert [rows async for rows in credentials(Recorder())] == [[ROOT, ADA]]
    assert asked == [("generate_credential_report", ()), ("get_credential_report", NOT_READY)]


@pytest.mark.parametrize(
    ("name", "tags", "expected"),
    [
        ("ada", [{"Key": "EMAIL", "Value": "Ada@Example.com"}], "ada@example.com"),
        ("ada@example.com", [{"Key": "Email", "Value": "not an address"}], "ada@example.com"),
        ("ada@example.com", None, "ada@example.com"),
        ("ada+aws@mail.example.co.uk", [], "ada+aws@mail.example.co.uk"),
        ("ada@localhost", [], None),
        ("ada", [{"Key": "mail", "Value": "ada@example.com"}], None),
    ],
)
def test_the_address_of_a_user(name, tags, expected):
    assert email("UserName", "Tags").fn({"UserName": name, "Tags": tags}) == expected


ALLOW = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (ALLOW, True),
        ([{"Effect": "Allow", "Action": ["s3:*", "*:*"], "Resource": ["*"]}], True),
        (ALLOW | {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}, False),
        (ALLOW | {"Effect": "Deny"}, False),
        (ALLOW | {"Action": "iam:*"}, False),
        (ALLOW | {"Resource": "arn:aws:s3:::*"}, False),
        ({"Effect": "Allow", "NotAction": "*", "Resource": "*"}, False),
        ("nonsense", False),
    ],
)
def test_a_policy_that_grants_everything(statement, expected):
    document = {"Version": "2012-10-17", "Statement": statement}
    assert grants_everything("PolicyDocument").fn(document) is expected
    versions = [
        {"IsDefaultVersion": False, "Document": {"Version": "2012-10-17", "Statement": ALLOW}},
        {"IsDefaultVersion": True, "Document": document},
    ]
    assert default_grants_everything("PolicyVersionList").fn(versions) is expected


def test_a_policy_without_a_default_version_has_no_document():
    assert default_document("PolicyVersionList").fn([]) is None
    assert default_grants_everything("PolicyVersionList").fn([]) is False


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ('<md:EntityDescriptor entityID="https://idp.example/saml">', "https://idp.example/saml"),
        ("<EntityDescriptor xmlns='x'\n entityID = 'urn:idp'>", "urn:idp"),
        ("<EntityDescriptor>", None),
    ],
)
def test_the_entity_of_a_saml_document(metadata, expected):
    assert entity_id("SAMLMetadataDocument").fn(metadata) == expected


@pytest.mark.parametrize(
    ("arn", "attached", "bounds", "expected"),
    [
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", 0, 0, False),
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", 1, 0, True),
        ("arn:aws-cn:iam::aws:policy/ReadOnlyAccess", 0, 1, True),
        ("arn:aws:iam::123456789012:policy/own", 0, 0, True),
    ],
)
def test_policies_of_aws_count_only_where_they_are_used(arn, attached, bounds, expected):
    row = {"Arn": arn, "AttachmentCount": attached, "PermissionsBoundaryUsageCount": bounds}
    assert is_of_account(row) is expected


@pytest.mark.parametrize(
    ("serial", "device", "arn"),
    [
        ("arn:aws:iam::123456789012:mfa/ada", False, True),
        ("arn:aws:iam::123456789012:u2f/user/ada/key-7XK", True, True),
        ("GAHT12345678", True, False),
    ],
)
def test_kinds_of_mfa_devices_by_their_serial_numbers(serial, device, arn):
    assert is_device(serial) is device
    assert arn_of(serial) == (serial if arn else None)


def test_iams_word_for_none():
    assert unless_none("N/A") is None
    assert unless_none("s3") == "s3"
