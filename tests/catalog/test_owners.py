"""Resources that several accounts see: every declaration whose answers name an owner says what that means."""

from __future__ import annotations

import re

import pytest

from collector.catalog.catalog import Catalog, declarations
from collector.schema.declarations import Entity, Service, Synthetic
from tests.declarations import Lint

CATALOG = Catalog.all()
LINT = Lint(CATALOG)
OWNER = re.compile(r"(?i)^\w*owner(id|alias|account(id)?)?$|^\w*accountid$")

OWN_ONLY = {
    "aws_ami": "listed with the owner `self`",
    "aws_ebs_snapshot": "listed with the owner `self`",
    "aws_efs_file_system": "AWS lists file systems to their owner only",
    "aws_efs_mount_target": "AWS lists mount targets to their owner only",
    "aws_eip": "the owner of the interface; an address is listed to its own owner only",
    "aws_ecr_image_scan_finding": "findings are read from the images of own repositories",
    "aws_accessanalyzer_finding": "the owner of the resource; a finding belongs to its analyzer, whose ARN is in the key",
    "aws_inspector_assessment": "the coverage of this account",
    "aws_sns_subscription": "AWS lists subscriptions to their owner only",
    "aws_workspaces_bundle": "own bundles, and in a declaration with an owner those of Amazon",
}
"""Types whose answers name an owner, but which only that account sees."""


def entities() -> list[tuple[Service, Entity]]:
    return [
        (service, declaration)
        for service in CATALOG.services
        for declaration in declarations(service)
        if isinstance(declaration, Entity) and not isinstance(declaration.rows, Synthetic)
    ]


@pytest.mark.parametrize(("service", "entity"), entities(), ids=lambda each: getattr(each, "type", each.name))
def test_an_answer_that_names_an_owner_is_declared_or_only_seen_by_the_owner(service, entity):
    row = LINT.row(service, entity)
    named = [name for name in row.members if OWNER.match(name)] if row.kind == "struct" else []
    assert entity.owner is not None or not named or entity.type in OWN_ONLY, named


def test_every_property_that_only_the_owner_sees_is_one():
    for _, entity in entities():
        assert set(entity.owner_only) <= entity.props.keys()
        assert not entity.owner_only or entity.owner is not None


def test_no_reason_is_superfluous():
    assert OWN_ONLY.keys() <= {entity.type for _, entity in entities() if entity.owner is None}
