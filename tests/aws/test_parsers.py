"""Compiled parsers give what botocore's own give: over answers made up from the models, errors and odd bodies."""

import logging
import os
from pathlib import Path
from random import Random

import pytest
from aiobotocore.parsers import create_parser
from botocore.parsers import ResponseParserError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.aws.parser_cases import answer
from tests.aws.parser_compare import (
    FACTORY,
    assert_parsed_alike,
    difference,
    output,
    parsed,
    response,
    sample_output,
    service_model,
)

BODIES = int(os.environ.get("COLLECTOR_PARSER_BODIES", "10"))
"""How many answers are made up for each operation."""

OPERATIONS = [tuple(line.split()) for line in (Path(__file__).parent / "operations.txt").read_text().splitlines()]

PROTOCOLS = ("query", "ec2", "json", "rest-json", "rest-xml")


@pytest.mark.parametrize(("service", "operation"), OPERATIONS, ids=["-".join(pair) for pair in OPERATIONS])
async def test_made_up_answers_are_parsed_as_botocore_parses_them(service, operation):
    protocol, shape = output(service, operation)
    for number in range(BODIES):
        made_up = answer(shape, protocol, Random(f"{service} {operation} {number}"), complete=number % 10 == 0)
        await assert_parsed_alike(protocol, shape, made_up)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(random=st.randoms(use_true_random=True), complete=st.booleans())
@settings(deadline=None, max_examples=100)
async def test_every_kind_of_member_is_parsed_as_botocore_parses_it(protocol, random, complete):
    shape = sample_output(protocol, **({"resultWrapper": "AskResult"} if protocol == "query" else {}))
    await assert_parsed_alike(protocol, shape, answer(shape, protocol, random, complete=complete))


@pytest.mark.parametrize("protocol", ["rest-json", "rest-xml"])
@pytest.mark.parametrize("payload", ["Node", "Text", "Choice", "Raw"])
@given(random=st.randoms(use_true_random=True))
@settings(deadline=None, max_examples=30)
async def test_a_body_that_is_one_member_is_parsed_as_botocore_parses_it(protocol, payload, random):
    shape = sample_output(protocol, payload=payload)
    await assert_parsed_alike(protocol, shape, answer(shape, protocol, random))


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("ec2", "DescribeInstances"),
        ("iam", "GetAccountAuthorizationDetails"),
        ("s3", "GetBucketAcl"),
        ("s3", "GetBucketReplication"),
        ("lambda", "ListFunctions"),
        ("dynamodb", "DescribeTable"),
        ("wafv2", "GetWebACL"),
    ],
)
async def test_plans_read_ordinary_answers_without_botocore(service, operation, caplog):
    caplog.set_level(logging.DEBUG, "collector")
    protocol, shape = output(service, operation)
    for number in range(3):
        made_up = answer(shape, protocol, Random(number), complete=True)
        await FACTORY.create_parser(protocol).parse(made_up, shape)
    assert not [record for record in caplog.records if record.name.startswith("collector")]


ODD_XML = {
    "a structure twice": "<Node><value>1</value></Node><Node><value>2</value></Node>",
    "a list twice": "<nodeSet><member/></nodeSet><nodeSet><member/><member/></nodeSet>",
    "a text twice": "<Text>a</Text><Text>b</Text>",
    "a map twice": "<Table><entry><Name>a</Name><value/></entry></Table>" * 2,
    "a number twice": "<Count>1</Count><Count>2</Count>",
    "a pair without a value": "<Table><entry><Name>a</Name><value/></entry><entry><Name>b</Name></entry></Table>",
    "a pair without a key": "<Table><entry><value/></entry></Table>",
    "a pair with two keys": "<Table><entry><Name>a</Name><Name>b</Name><value/></entry></Table>",
    "a pair of two keys": "<Table><entry><Name>a</Name><Name>b</Name></entry></Table>",
    "a pair with something else": "<Row><Name>a</Name><value/><other/></Row>",
    "an empty pair": "<Row/>",
    "a key twice in the map": "<Row><Name>a</Name><value/></Row><Row><Name>a</Name><value><value>2</value></value></Row>",
    "another namespace inside": '<Node xmlns="urn:b"><value>1</value></Node><x:Text xmlns:x="urn:c">a</x:Text>',
    "an attribute of another namespace": '<Node xmlns:b="urn:b" b:type="t"/>',
    "an attribute without a namespace": '<Node type="t"/>',
    "an attribute as an element": "<Node><type>t</type></Node>",
    "a union of two": "<Choice><Left>a</Left><right/></Choice>",
    "a union of one, twice": "<Choice><Left>a</Left><Left>b</Left></Choice>",
    "an empty union": "<Choice/>",
    "text beside elements": "<Node>text<value>1</value>text</Node>",
    "a number in words": "<Count>seven</Count>",
    "a number in blanks": "<Count> 7 </Count>",
    "an empty number": "<Count/>",
    "an empty time": "<At/>",
    "a time in words": "<At>yesterday</At>",
    "a character by number": "<Text>&#65;&amp;</Text>",
}


@pytest.mark.parametrize("content", ODD_XML.values(), ids=ODD_XML.keys())
@pytest.mark.parametrize("protocol", ["query", "ec2", "rest-xml"])
async def test_odd_xml_is_parsed_as_botocore_parses_it(protocol, content):
    body = response(f'<R xmlns="urn:a">{content}</R>'.encode())
    await assert_parsed_alike(protocol, sample_output(protocol), body)


@pytest.mark.parametrize("content", ["<AskResult/>" * 2, "", "<Text>a</Text>", "<x:AskResult xmlns:x='u'/>"])
async def test_an_odd_wrapper_is_parsed_as_botocore_parses_it(content):
    shape = sample_output("query", resultWrapper="AskResult")
    await assert_parsed_alike("query", shape, response(f"<R>{content}</R>".encode()))


ODD_JSON = {
    "a list of nulls": '{"Names": [null], "Nodes": [null, {}]}',
    "a map of nulls": '{"Table": {"a": null}}',
    "a list of another type": '{"Nodes": {"a": 1}}',
    "a list of text": '{"Names": "text", "Count": 1}',
    "a map of another type": '{"Table": [["a", {}]]}',
    "a structure of another type": '{"Node": "text"}',
    "a time of another type": '{"At": [1]}',
    "a time of null": '{"At": null}',
    "a blob that is none": '{"Raw": "a"}',
    "a blob of other letters": '{"Raw": "\u00e9"}',
    "a union of two": '{"Choice": {"Left": "a", "right": {}}}',
    "a union of one and null": '{"Choice": {"Left": "a", "right": null}}',
    "an unknown union with its type": '{"Choice": {"__type": "a", "Tomorrow": {}}}',
    "an empty union": '{"Choice": {}}',
    "a union of another type": '{"Choice": []}',
    "a number that is none": '{"Count": "seven", "Share": {}}',
    "a flag of another type": '{"Flag": 1, "Share": "NaN"}',
    "a header in the body": '{"X-Length": 5, "X-Several": "a, b", "Metadata": {}}',
    "a key twice": '{"Text": "a", "Text": "b"}',
    "a free value of any kind": '{"Free": [1, {"a": null}]}',
    "numbers": '{"Count": 1e2, "Share": 1E400, "Text": -0}',
}


@pytest.mark.parametrize("body", ODD_JSON.values(), ids=ODD_JSON.keys())
@pytest.mark.parametrize("protocol", ["json", "rest-json"])
async def test_odd_json_is_parsed_as_botocore_parses_it(protocol, body):
    await assert_parsed_alike(protocol, sample_output(protocol), response(body.encode()))


async def test_two_members_that_one_element_gives_are_both_given():
    protocol, shape = output("s3", "GetBucketNotification")
    body = b"<R><TopicConfiguration><Event>a</Event><Topic>t</Topic></TopicConfiguration></R>"
    await assert_parsed_alike(protocol, shape, response(body))


async def test_members_of_a_json_structure_stand_in_the_order_of_the_model():
    protocol, shape = output("sqs", "ListQueues")
    body = response(b'{"NextToken": "t", "QueueUrls": []}')
    assert list(await FACTORY.create_parser(protocol).parse(body, shape)) == [
        "QueueUrls",
        "NextToken",
        "ResponseMetadata",
    ]


ERRORS = {
    "query": b"<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>m</Message></Error>"
    b"<RequestId>r</RequestId></ErrorResponse>",
    "ec2": b"<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>m</Message></Error></Errors>"
    b"<RequestID>r</RequestID></Response>",
    "rest-xml": b"<Error><Code>NoSuchBucket</Code><Message>m</Message><BucketName>b</BucketName><RequestId>r</RequestId></Error>",
    "json": b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "m"}',
    "rest-json": b'{"code": "ResourceNotFoundException", "Message": "m", "Type": "User"}',
}


@pytest.mark.parametrize(
    "body", ["the protocol's", b"", b"<html>bad gateway</html>", b"not <xml", b'{"a": 1}', b"null"]
)
@pytest.mark.parametrize("status", [300, 301, 304, 400, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_errors_are_parsed_as_botocore_parses_them(protocol, status, body):
    made_up = response(ERRORS[protocol] if isinstance(body, str) else body, status, x_amzn_requestid="r")
    shape = sample_output(protocol)
    theirs = await parsed(create_parser(protocol), made_up, shape)
    ours = await parsed(FACTORY.create_parser(protocol), made_up, shape)
    if isinstance(theirs, Exception):
        assert type(ours) is (ResponseParserError if status == 300 else type(theirs))
    else:
        assert difference(ours, theirs) is None


@pytest.mark.parametrize(
    ("service", "error"),
    [
        ("iam", "NoSuchEntityException"),
        ("lambda", "ResourceNotFoundException"),
        ("sqs", "QueueDoesNotExist"),
        ("s3", "NoSuchBucket"),
    ],
)
async def test_the_members_of_a_modelled_error_are_parsed_as_botocore_parses_them(service, error):
    model = service_model(service)
    protocol = model.resolved_protocol
    await assert_parsed_alike(protocol, model.shape_for(error), response(ERRORS[protocol], 404))
