"""Bodies that compiled parsers reject, while botocore accepts them or raises arbitrary exceptions."""

from typing import Any

import pytest
from aiobotocore.parsers import create_parser
from botocore.parsers import ResponseParserError

from collector.model import Unreadable
from collector.schema.paths import found
from tests.aws.parser_choices import HTML
from tests.aws.parser_compare import FACTORY, difference, output, response

NOT_JSON = [
    HTML,
    b"{",
    b'{"FunctionNam',
    b'{"Functions": [}',
    b"\xff\xfe",
    b'\xef\xbb\xbf{"Functions": []}',
    b" ",
    b"{'a': 1}",
    b"{} {}",
    b"[" * 100_000,
]


async def parse(service: str, operation: str, body: bytes, status: int = 200) -> Any:
    protocol, shape = output(service, operation)
    return await FACTORY.create_parser(protocol).parse(response(body, status), shape)


async def parse_with_botocore(service: str, operation: str, body: bytes) -> Any:
    protocol, shape = output(service, operation)
    return await create_parser(protocol).parse(response(body), shape)


@pytest.mark.parametrize("body", NOT_JSON)
@pytest.mark.parametrize(("service", "operation"), [("lambda", "ListFunctions"), ("dynamodb", "ListTables")])
async def test_a_successful_body_that_is_not_json_is_rejected(service, operation, body):
    with pytest.raises(ResponseParserError, match=f"Invalid JSON in a successful response of {len(body)} bytes"):
        await parse(service, operation, body)


async def test_the_error_does_not_quote_the_body():
    with pytest.raises(ResponseParserError) as raised:
        await parse("lambda", "GetFunctionConfiguration", b'{"Environment": {"Variables": {"PASSWORD": "hunter2"}}')
    assert "hunter2" not in str(raised.value)
    with pytest.raises(ResponseParserError) as raised:
        await parse("iam", "ListUsers", b"<R><a>hunter2</a>")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("body", [HTML[:-9], b"<a><b></a>", b"plain", b"<a/><a/>", b'{"json": 1}', b"\xff"])
@pytest.mark.parametrize(
    ("service", "operation"), [("ec2", "DescribeInstances"), ("iam", "ListUsers"), ("s3", "ListBuckets")]
)
async def test_a_successful_body_that_is_not_xml_is_rejected(service, operation, body):
    with pytest.raises(ResponseParserError, match="Invalid XML"):
        await parse(service, operation, body)


@pytest.mark.parametrize(
    ("service", "operation"), [("ec2", "DescribeInstances"), ("iam", "ListUsers"), ("s3", "ListBuckets")]
)
async def test_an_html_page_is_rejected_that_botocore_parses_as_an_empty_result(service, operation):
    with pytest.raises(ResponseParserError, match="HTML"):
        await parse(service, operation, HTML)


@pytest.mark.parametrize("status", [200, 202, 204])
@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("lambda", "ListFunctions"),
        ("dynamodb", "ListTables"),
        ("s3", "ListBuckets"),
        ("s3", "GetBucketEncryption"),
        ("route53", "ListHostedZones"),
        ("ec2", "DescribeInstances"),
        ("sns", "ListTopics"),
    ],
)
async def test_an_empty_body_is_rejected_if_the_model_reads_members_from_it(service, operation, status):
    with pytest.raises(ResponseParserError):
        await parse(service, operation, b"", status)


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("s3", "HeadBucket"),  # all members are headers
        ("s3", "GetBucketPolicy"),  # the body is one string
        ("s3", "PutBucketPolicy"),  # no output at all
        ("lambda", "Invoke"),  # the body is one blob
        ("lambda", "DeleteFunction"),
        ("sqs", "DeleteQueue"),
        ("kms", "EnableKeyRotation"),
        ("logs", "TagResource"),
        ("organizations", "TagResource"),  # an output without members
        ("eks", "TagResource"),
    ],
)
async def test_an_empty_body_is_accepted_if_the_model_reads_no_members_from_it(service, operation):
    expected = await parse_with_botocore(service, operation, b"")
    assert difference(await parse(service, operation, b""), expected) is None


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"5", b"true"])
@pytest.mark.parametrize(("service", "operation"), [("lambda", "ListFunctions"), ("dynamodb", "DescribeTable")])
async def test_a_json_body_that_is_not_a_structure_is_rejected(service, operation, body):
    with pytest.raises(ResponseParserError):
        await parse(service, operation, body)


@pytest.mark.parametrize("body", [b'{"Functions": 5}', b'{"Functions": [{"Layers": true}]}', b'{"Functions": ["a"]}'])
async def test_a_json_body_that_does_not_match_its_shape_is_rejected(body):
    with pytest.raises(ResponseParserError):
        await parse("lambda", "ListFunctions", body)


@pytest.mark.parametrize(
    ("service", "operation", "body"),
    [
        ("iam", "ListUsers", b"<ListUsersResponse><Users/></ListUsersResponse>"),
    ],
)
async def test_an_xml_body_that_does_not_match_its_shape_is_rejected(service, operation, body):
    with pytest.raises(ResponseParserError):
        await parse(service, operation, body)


@pytest.mark.parametrize(
    ("service", "operation", "body", "path", "text"),
    [
        ("ec2", "DescribeVolumes", b"<R><volumeSet><item><size/></item></volumeSet></R>", "Volumes[].Size", ""),
        (
            "ec2",
            "DescribeVolumes",
            b"<R><volumeSet><item><createTime>soon</createTime></item></volumeSet></R>",
            "Volumes[].CreateTime",
            "soon",
        ),
        (
            "iam",
            "GetCredentialReport",
            b"<R><GetCredentialReportResult><Content>a</Content></GetCredentialReportResult></R>",
            "Content",
            "a",
        ),
        ("lambda", "ListFunctions", b'{"Functions": [{"Timeout": "soon"}]}', "Functions[].Timeout", "soon"),
        ("dynamodb", "DescribeTable", b'{"Table": {"CreationDateTime": 1e18}}', "Table.CreationDateTime", "1e+18"),
    ],
)
async def test_a_scalar_that_is_not_of_its_type_costs_only_itself(service, operation, body, path, text):
    assert found(await parse(service, operation, body), path) == [Unreadable(text)]


async def test_json_that_only_the_standard_library_accepts_is_parsed():
    body = rb'{"tableNames": NaN, "TableNames": ["\ud800"], "LastEvaluatedTableName": "t"}'
    assert (
        difference(
            await parse("dynamodb", "ListTables", body), await parse_with_botocore("dynamodb", "ListTables", body)
        )
        is None
    )


async def test_an_integer_beyond_64_bits_becomes_a_float():
    body = b'{"Table": {"ItemCount": 36893488147419103232}}'
    assert (await parse("dynamodb", "DescribeTable", body))["Table"] == {"ItemCount": 2.0**65}


async def test_a_streaming_body_is_not_read():
    protocol, shape = output("s3", "GetObject")
    stream = object()
    answer = {**response(b"", x_amz_request_id="r", content_length="5"), "body": stream}
    parsed = await FACTORY.create_parser(protocol).parse(answer, shape)
    assert parsed["Body"] is stream
    assert parsed["ContentLength"] == 5


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("s3", "GetObject"),
        ("s3", "SelectObjectContent"),
        ("s3", "GetBucketPolicy"),
        ("logs", "StartLiveTail"),
        ("kinesis", "SubscribeToShard"),
        ("lambda", "InvokeWithResponseStream"),
    ],
)
def test_byte_streams_event_streams_and_raw_strings_have_no_plan(service, operation):
    protocol, shape = output(service, operation)
    assert FACTORY.create_parser(protocol)._plans.of(shape) is None


async def test_cbor_is_left_to_aiobotocore():
    assert type(FACTORY.create_parser("smithy-rpc-v2-cbor")) is type(create_parser("smithy-rpc-v2-cbor"))
