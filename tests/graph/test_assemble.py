from __future__ import annotations

import logging

import structlog
from structlog.testing import LogCapture

from collector.catalog.catalog import Catalog
from collector.graph.assemble import Assembler, BadRow, ConvertedRow, Page, PageConverter
from collector.model import Options, Place
from collector.schema.declarations import UNKNOWN, Call, Entity, Service

PLACE = Place("aws", "123456789012", "eu-west-1")
THING = Entity(type="aws_thing", cls="Configuration", rows=Call("list", "Things"), key="Detail.Arn", name="Id")


def converted(*rows):
    """What a page of rows becomes, and what was logged as an error."""
    capture = LogCapture()
    structlog.configure([capture], wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    catalog = Catalog((Service(name="svc", client="svc", title="Svc", entities=(THING,)),))
    convert = PageConverter(Assembler(catalog, Options()), Options())
    return list(convert(Page(THING, [(row, PLACE) for row in rows]))), capture.entries


def test_a_row_whose_key_a_failed_call_left_unknown_is_dropped_without_a_further_problem():
    (only,), logged = converted({"Id": "a", UNKNOWN: {"Detail"}}, {"Id": "b", "Detail": {"Arn": "arn:b"}})
    assert isinstance(only, ConvertedRow)
    assert only.entity is not None
    assert (only.entity.key, logged) == ("arn:b", [])


def test_a_row_that_lacks_its_key_though_every_call_was_answered_is_reported():
    (bad,), logged = converted({"Id": "a"})
    assert isinstance(bad, BadRow)
    assert (bad.code, bad.types, logged) == ("NoKey", ("aws_thing",), [])
