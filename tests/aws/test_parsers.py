"""Equivalence of compiled parsers with botocore's, for synthetic responses, errors and unusual bodies."""

import logging
import os
from functools import cache
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

BODIES = int(os.environ.get("COLLECTOR_PARSER_BODIES", "3"))
"""Number of synthetic responses for each operation."""

OPERATIONS = [tuple(line.split()) for line in (Path(__file__).parent / "operations.txt").read_text().splitlines()]

sample = cache(sample_output)
PROTOCOLS = ("query", "ec2", "json", "rest-json", "rest-xml")

pytestmark = pytest.mark.asyncio(loop_scope="module")  # a loop for each of hundreds of tests takes longer than they do


@pytest.mark.parametrize(("service", "operation"), OPERATIONS, ids=["-".join(pair) for pair in OPERATIONS])
async def test_synthetic_responses_are_parsed_as_botocore_parses_them(service, operation):
    protocol, shape = output(service, operation)
    for number in range(BODIES):
        synthetic = answer(shape, protocol, Random(f"{service} {operation} {number}"), complete=number % 10 == 0)
        await assert_parsed_alike(protocol, shape, synthetic)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(random=st.randoms(use_true_random=True), complete=st.booleans())
@settings(deadline=None, max_examples=40)
async def test_every_type_of_member_is_parsed_as_botocore_parses_it(protocol, random, complete):
    shape = sample(protocol, **({"resultWrapper": "AskResult"} if protocol == "query" else {}))
    await assert_parsed_alike(protocol, shape, answer(shape, protocol, random, complete=complete))


@pytest.mark.parametrize("protocol", ["rest-json", "rest-xml"])
@pytest.mark.parametrize("payload", ["Tree", "Text", "Choice", "Raw"])
@given(random=st.randoms(use_true_random=True))
@settings(deadline=None, max_examples=15)
async def test_a_payload_member_is_parsed_as_botocore_parses_it(protocol, payload, random):
    shape = sample(protocol, payload=payload)
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
async def test_ordinary_responses_are_parsed_without_falling_back_to_botocore(service, operation, caplog):
    caplog.set_level(logging.DEBUG, "collector")
    protocol, shape = output(service, operation)
    for number in range(3):
        synthetic = answer(shape, protocol, Random(number), complete=True)
        await FACTORY.create_parser(protocol).parse(synthetic, shape)
    assert not [record for record in caplog.records if record.name.startswith("collector")]


UNUSUAL_XML = {
    "a structure twice": "<Tree><value>1</value></Tree><Tree><value>2</value></Tree>",
    "a list twice": "<treeSet><member/></treeSet><treeSet><member/><member/></treeSet>",
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
    "another namespace inside": '<Tree xmlns="urn:b"><value>1</value></Tree><x:Text xmlns:x="urn:c">a</x:Text>',
    "an attribute of another namespace": '<Tree xmlns:b="urn:b" b:type="t"/>',
    "an attribute without a namespace": '<Tree type="t"/>',
    "an attribute as an element": "<Tree><type>t</type></Tree>",
    "a union of two": "<Choice><Left>a</Left><right/></Choice>",
    "a union of one, twice": "<Choice><Left>a</Left><Left>b</Left></Choice>",
    "an empty union": "<Choice/>",
    "text beside elements": "<Tree>text<value>1</value>text</Tree>",
    "a number in words": "<Count>seven</Count>",
    "a number with spaces": "<Count> 7 </Count>",
    "an empty number": "<Count/>",
    "an empty time": "<At/>",
    "a time in words": "<At>yesterday</At>",
    "a character reference": "<Text>&#65;&amp;</Text>",
}


@pytest.mark.parametrize("content", UNUSUAL_XML.values(), ids=UNUSUAL_XML.keys())
@pytest.mark.parametrize("protocol", ["query", "ec2", "rest-xml"])
async def test_unusual_xml_is_parsed_as_botocore_parses_it(protocol, content):
    body = response(f'<R xmlns="urn:a">{content}</R>'.encode())
    await assert_parsed_alike(protocol, sample(protocol), body)


@pytest.mark.parametrize("content", ["<AskResult/>" * 2, "", "<Text>a</Text>", "<x:AskResult xmlns:x='u'/>"])
async def test_an_unusual_wrapper_is_parsed_as_botocore_parses_it(content):
    shape = sample("query", resultWrapper="AskResult")
    await assert_parsed_alike("query", shape, response(f"<R>{content}</R>".encode()))


UNUSUAL_JSON = {
    "a list of nulls": '{"Names": [null], "Trees": [null, {}]}',
    "a map of nulls": '{"Table": {"a": null}}',
    "a list of another type": '{"Trees": {"a": 1}}',
    "a list of text": '{"Names": "text", "Count": 1}',
    "a map of another type": '{"Table": [["a", {}]]}',
    "a structure of another type": '{"Tree": "text"}',
    "a time of another type": '{"At": [1]}',
    "a time of null": '{"At": null}',
    "an invalid blob": '{"Raw": "a"}',
    "a blob that is not ascii": '{"Raw": "\u00e9"}',
    "a union of two": '{"Choice": {"Left": "a", "right": {}}}',
    "a union of one and null": '{"Choice": {"Left": "a", "right": null}}',
    "an unknown union with its type": '{"Choice": {"__type": "a", "Tomorrow": {}}}',
    "an empty union": '{"Choice": {}}',
    "a union of another type": '{"Choice": []}',
    "an invalid number": '{"Count": "seven", "Fraction": {}}',
    "a flag of another type": '{"Flag": 1, "Fraction": "NaN"}',
    "a header in the body": '{"X-Length": 5, "X-Multiple": "a, b", "Metadata": {}}',
    "a key twice": '{"Text": "a", "Text": "b"}',
    "a free value of any kind": '{"Free": [1, {"a": null}]}',
    "numbers": '{"Count": 1e2, "Fraction": 1E400, "Text": -0}',
}


@pytest.mark.parametrize("body", UNUSUAL_JSON.values(), ids=UNUSUAL_JSON.keys())
@pytest.mark.parametrize("protocol", ["json", "rest-json"])
async def test_unusual_json_is_parsed_as_botocore_parses_it(protocol, body):
    await assert_parsed_alike(protocol, sample(protocol), response(body.encode()))


async def test_two_members_that_share_an_element_are_both_parsed():
    protocol, shape = output("s3", "GetBucketNotification")
    body = b"<R><TopicConfiguration><Event>a</Event><Topic>t</Topic></TopicConfiguration></R>"
    await assert_parsed_alike(protocol, shape, response(body))


async def test_members_of_a_json_structure_are_in_the_order_of_the_model():
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


@pytest.mark.parametrize("status", [300, 301, 304, 400, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_errors_are_parsed_as_botocore_parses_them(protocol, status):
    shape = sample(protocol)
    for body in (ERRORS[protocol], b"", b"<html>bad gateway</html>", b"not <xml", b'{"a": 1}', b"null"):
        synthetic = response(body, status, x_amzn_requestid="r")
        theirs = await parsed(create_parser(protocol), synthetic, shape)
        ours = await parsed(FACTORY.create_parser(protocol), synthetic, shape)
        if isinstance(theirs, Exception):
            assert type(ours) is (ResponseParserError if status == 300 else type(theirs)), body
        else:
            assert difference(ours, theirs) is None, body


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
