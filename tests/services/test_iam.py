from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from collector.schema.values import milliseconds
from collector.services.iam import credential_report as report
from collector.services.iam import policies
from collector.services.iam.service import fido_arn, is_collected, is_physical, unless_not_applicable

REPORT = (
    b"user,arn,password_enabled,password_last_used,mfa_active,access_key_1_active,access_key_1_last_used_date\n"
    b"<root_account>,arn:aws:iam::123456789012:root,not_supported,no_information,true,false,N/A\n"
    b"ada,arn:aws:iam::123456789012:user/ada,true,2025-11-20T15:45:10+00:00,false,true,2025-11-19T23:05:00+00:00\n"
)
ROOT, ADA = report.parse_report(REPORT)


def test_missing_values_of_the_report_are_left_out():
    assert ROOT == {
        "user": "<root_account>",
        "arn": "arn:aws:iam::123456789012:root",
        "mfa_active": True,
        "access_key_1_active": False,
    }


@pytest.mark.parametrize("rows", [b"", REPORT.splitlines()[0]])
def test_an_empty_report_has_no_rows(rows):
    assert report.parse_report(rows) == []


@pytest.mark.parametrize(
    ("value", "rows", "expected"),
    [
        (report.report_field("Report", "mfa_active"), [ADA], False),
        (report.report_field("Report", "password_enabled"), [ROOT], None),
        (report.report_field("Report", "mfa_active"), [], None),
        (report.any_flag("Report", "password_enabled", "access_key_1_active"), [ADA], True),
        (report.any_flag("Report", "password_enabled", "access_key_1_active"), [ROOT], False),
        (report.any_flag("Report", "password_enabled"), [], None),
        (report.latest_time("Report", "password_last_used", "access_key_1_last_used_date"), [ADA], 1763653510000),
        (report.latest_time("Report", "password_last_used"), [ROOT], None),
        (report.latest_time("Report", "password_last_used"), [], None),
    ],
)
def test_fields_flags_and_times_of_a_report_row(value, rows, expected):
    assert value.fn(rows) == expected


@pytest.mark.parametrize(
    ("row", "expected"), [({"Report": [ADA]}, False), ({"Report": [ROOT]}, True), ({"Report": []}, True), ({}, True)]
)
def test_a_flag_that_is_set_or_unknown_is_not_false(row, expected):
    assert report.not_false("Report", "mfa_active").fn(row) is expected


NO_KEYS = {"access_key_1_active": False, "access_key_2_active": False, "mfa_active": True}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"Report": [NO_KEYS]}, False),
        ({"Report": [NO_KEYS | {"access_key_1_active": True}]}, True),
        ({"Report": [NO_KEYS | {"access_key_2_active": True}]}, True),
        ({"Report": [NO_KEYS | {"access_key_2_last_rotated": "2023-02-01T10:00:00+00:00"}]}, True),  # inactive
        ({"Report": [{"access_key_1_active": False}]}, True),  # the report says nothing about the second one
        ({"Report": []}, True),  # created after the report
        ({}, True),  # the report was denied
    ],
)
def test_a_user_may_have_access_keys_unless_the_report_says_that_there_are_none(row, expected):
    assert report.may_have_access_keys("Report").fn(row) is expected


async def test_the_report_is_generated_before_it_is_read():
    calls: list[tuple[str, tuple[str, ...]]] = []

    class Recorder:
        async def once(self, op: str, /, *, again: tuple[str, ...] = (), **params: object) -> dict[str, Any]:
            calls.append((op, again))
            return {"Content": REPORT} if op == "get_credential_report" else {"State": "STARTED"}

        def pages(self, op: str, /, *, token: str | None = None, **params: object) -> AsyncIterator[dict[str, Any]]:
            raise AssertionError("the report has no pages")

    assert [rows async for rows in report.report_rows(Recorder())] == [[ROOT, ADA]]
    assert calls == [("generate_credential_report", ()), ("get_credential_report", report.NOT_READY)]


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
def test_the_email_of_a_user_comes_from_its_tag_or_name(name, tags, expected):
    assert policies.email("UserName", "Tags").fn({"UserName": name, "Tags": tags}) == expected


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
def test_a_policy_grants_everything_only_without_restrictions(statement, expected):
    document = {"Version": "2012-10-17", "Statement": statement}
    assert policies.grants_everything("PolicyDocument").fn(document) is expected
    versions = [
        {"IsDefaultVersion": False, "Document": {"Version": "2012-10-17", "Statement": ALLOW}},
        {"IsDefaultVersion": True, "Document": document},
    ]
    assert policies.default_grants_everything("PolicyVersionList").fn(versions) is expected


def test_a_policy_without_a_default_version_has_no_document():
    assert policies.default_document("PolicyVersionList").fn([]) is None
    assert policies.default_grants_everything("PolicyVersionList").fn([]) is False


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ('<md:EntityDescriptor entityID="https://idp.example/saml">', "https://idp.example/saml"),
        ("<EntityDescriptor xmlns='x'\n entityID = 'urn:idp'>", "urn:idp"),
        ("<EntityDescriptor>", None),
    ],
)
def test_the_entity_id_is_read_from_saml_metadata(metadata, expected):
    assert policies.entity_id("SAMLMetadataDocument").fn(metadata) == expected


@pytest.mark.parametrize(
    ("arn", "attached", "bounds", "expected"),
    [
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", 0, 0, False),
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", 1, 0, True),
        ("arn:aws-cn:iam::aws:policy/ReadOnlyAccess", 0, 1, True),
        ("arn:aws:iam::123456789012:policy/own", 0, 0, True),
    ],
)
def test_aws_managed_policies_are_collected_only_if_used(arn, attached, bounds, expected):
    row = {"Arn": arn, "AttachmentCount": attached, "PermissionsBoundaryUsageCount": bounds}
    assert is_collected(row) is expected


@pytest.mark.parametrize(
    ("serial", "device", "arn"),
    [
        ("arn:aws:iam::123456789012:mfa/ada", False, True),
        ("arn:aws:iam::123456789012:u2f/user/ada/key-7XK", True, True),
        ("GAHT12345678", True, False),
    ],
)
def test_the_serial_number_identifies_the_kind_of_mfa_device(serial, device, arn):
    assert is_physical(serial) is device
    assert fido_arn(serial) == (serial if arn else None)


def test_not_applicable_becomes_none():
    assert unless_not_applicable("N/A") is None
    assert unless_not_applicable("s3") == "s3"


KEY_LINE = {
    "access_key_1_active": True, "access_key_1_last_rotated": "2025-06-01T10:15:30+00:00",
    "access_key_1_last_used_date": "2025-11-19T23:05:00+00:00", "access_key_1_last_used_region": "eu-west-1",
    "access_key_2_active": False, "access_key_2_last_rotated": "2023-02-01T10:00:00+00:00",
}  # fmt: skip


@pytest.mark.parametrize(
    ("created", "line", "region", "unknown"),
    [
        ("2025-06-01T10:15:30+00:00", KEY_LINE, "eu-west-1", False),
        ("2023-02-01T10:00:00+00:00", KEY_LINE, None, False),  # never used
        ("2023-02-01T10:00:01+00:00", KEY_LINE, None, True),  # newer than the report
        (
            "2023-02-01T10:00:00+00:00",
            KEY_LINE | {"access_key_1_last_rotated": "2023-02-01T10:00:00+00:00"},
            None,
            True,
        ),
        ("2025-06-01T10:15:30+00:00", None, None, True),
        (None, KEY_LINE, None, True),
    ],
)
def test_the_last_use_of_a_key_is_in_the_report_if_it_tells_which_key_it_is(created, line, region, unknown):
    row = {"CreateDate": created, "^": {"Report": [line] if line else []}}
    assert report.last_used("last_used_region").fn(row) == region
    assert report.is_use_unknown.fn(row) is unknown
    used = report.last_used_on.fn(row)
    assert used == (milliseconds("2025-11-19T23:05:00+00:00") if region else None)
