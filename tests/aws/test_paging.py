from __future__ import annotations

import botocore.session
import pytest

from collector.aws.paging import by_token, paging_of
from collector.catalog.catalog import Catalog, call_of, client_of, declarations
from collector.catalog.permissions import api_of


def test_a_top_level_token_becomes_the_input_parameter():
    paging = paging_of({"input_token": "Marker", "output_token": "NextMarker"})
    assert paging.following({"NextMarker": "x"}) == {"Marker": "x"}
    assert paging.following({"NextMarker": ""}) is None
    assert paging.following({}) is None


def test_a_nested_token_is_found_and_the_more_results_flag_decides():
    paging = paging_of(
        {
            "input_token": "Marker",
            "output_token": "DistributionList.NextMarker",
            "more_results": "DistributionList.IsTruncated",
        }
    )
    assert paging.following({"DistributionList": {"IsTruncated": True, "NextMarker": "x"}}) == {"Marker": "x"}
    assert paging.following({"DistributionList": {"IsTruncated": False, "NextMarker": "x"}}) is None


def test_a_declared_token_has_the_same_name_in_request_and_response():
    assert by_token("NextToken").following({"NextToken": "x"}) == {"NextToken": "x"}


def _listings():
    for service in Catalog.all().services:
        for declaration in declarations(service):
            call = call_of(declaration.rows)
            if call is not None and not call.token:
                yield client_of(service, declaration, call.client), call.op


@pytest.mark.parametrize(("client", "op"), sorted(set(_listings())))
def test_every_listing_continues_with_the_token_that_botocores_paginator_would_use(client, op):
    session = botocore.session.Session()
    try:
        model = session.get_paginator_model(client)
    except botocore.exceptions.DataNotFoundError:
        return
    config = model._paginator_config.get(api_of(client, op))
    if config is None:
        return
    paging = paging_of(config)
    outputs = config["output_token"] if isinstance(config["output_token"], list) else [config["output_token"]]
    answer: dict = {}
    for path in [*outputs, *([config["more_results"]] if config.get("more_results") else [])]:
        parent = answer
        *parents, last = path.split(".")
        for name in parents:
            parent = parent.setdefault(name, {})
        parent[last] = "token" if path in outputs else True
    assert paging.following(answer) == dict.fromkeys(paging.inputs, "token")
