from __future__ import annotations

import pytest

from collector.graph.tags import flatten


@pytest.mark.parametrize(
    "tags",
    [
        [{"Key": "env", "Value": "prod"}],
        [{"key": "env", "value": "prod"}],
        [{"TagKey": "env", "TagValue": "prod"}],
        {"env": "prod"},
    ],
)
def test_every_form_of_tags_is_read(tags):
    assert flatten(tags) == {"tag.env": "prod"}


def test_no_tags_are_no_properties():
    assert flatten(None) == flatten([]) == flatten({}) == {}


def test_true_and_false_become_booleans_and_true_and_empty_tags_are_listed():
    assert flatten({"Production": "TRUE", "Old": "false", "Bare": ""}) == {
        "tag.Production": True,
        "tag.Old": False,
        "tags": ["Production", "Bare"],
    }


def test_digits_stay_text_so_that_account_ids_keep_their_zeros():
    assert flatten({"account": "012345678901"}) == {"tag.account": "012345678901"}


def test_classification_owner_and_email_become_properties_in_lower_case():
    assert flatten({"Classification": "Secret", "OWNER": "Ann"}) == {
        "tag.Classification": "Secret",
        "tag.OWNER": "Ann",
        "classification": "secret",
        "owner": "ann",
    }


def test_an_email_is_a_list_as_for_users():
    assert flatten({"Email": "Ann@Example.com"}) == {"tag.Email": "Ann@Example.com", "email": ["ann@example.com"]}


def test_unusual_names_are_kept_and_missing_values_are_listed():
    assert flatten([{"Key": "aws:cloudformation:stack-name", "Value": None}, {"Key": "ü b", "Value": '"'}]) == {
        "tag.ü b": '"',
        "tags": ["aws:cloudformation:stack-name"],
    }
