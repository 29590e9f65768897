"""Clients of sessions with compiled parsers over real connections, and IAM's policy documents."""

import gc
import json
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from typing import Any
from urllib.parse import quote

import aioboto3
import pytest
from aiobotocore.session import AioSession
from aiohttp import web
from aiohttp.test_utils import TestServer
from botocore.exceptions import ClientError
from botocore.handlers import decode_quoted_jsondoc, json_decode_policies
from botocore.parsers import ResponseParserError
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.aws.parsers import CompiledParserFactory, decode_policy, install
from collector.aws.parsers.plans import OutputPlans
from collector.aws.parsers.xml import XmlCompiler
from tests.aws.parser_choices import HTML
from tests.aws.parser_compare import difference, outcome, response, sample_output, service_model

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ROLE = (
    "<RoleName>{name}</RoleName><CreateDate>2024-01-02T03:04:05Z</CreateDate>"
    f"<AssumeRolePolicyDocument>{quote(json.dumps(TRUST))}</AssumeRolePolicyDocument>"
)
ROLES = "".join(f"<member>{ROLE.format(name=name)}</member>" for name in ("a", "b"))
ANSWERS = {
    ("ec2", "describe_vpcs"): '<R xmlns="u"><requestId>r</requestId><vpcSet><item><vpcId>v</vpcId></item></vpcSet></R>',
    ("iam", "list_roles"): f"<R><ListRolesResult><Roles>{ROLES}</Roles></ListRolesResult></R>",
    (
        "s3",
        "list_buckets",
    ): "<R><Buckets><Bucket><CreationDate>2024-01-02T03:04:05Z</CreationDate></Bucket></Buckets></R>",
    ("lambda", "list_functions"): '{"Functions": [{"FunctionName": "f", "Timeout": 3}], "NextMarker": null}',
    ("dynamodb", "list_tables"): '{"TableNames": ["t"]}',
}


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch, tmp_path):
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@cache
def session(*, compiled: bool) -> aioboto3.Session:
    """A plain session or one with compiled parsers."""
    botocore_session = AioSession()
    if compiled:
        install(botocore_session)
    return aioboto3.Session("key", "secret", region_name="eu-west-1", botocore_session=botocore_session)


@pytest.fixture(scope="module", autouse=True)
def _release_models():
    yield
    session.cache_clear()


@asynccontextmanager
async def clients(body: bytes, *, service: str, status: int = 200) -> AsyncIterator[list[Any]]:
    """A client of a plain session and one with compiled parsers, for a server that always returns ``body``."""

    async def respond(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers={"x-amzn-RequestId": "r", "Date": "now"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", respond)
    async with TestServer(app) as server, AsyncExitStack() as stack:
        url = str(server.make_url("/"))
        yield [
            await stack.enter_async_context(session(compiled=each).client(service, endpoint_url=url))
            for each in (False, True)
        ]


@pytest.mark.parametrize(("service", "operation"), ANSWERS, ids=["-".join(pair) for pair in ANSWERS])
async def test_clients_return_the_same_results_as_clients_of_a_plain_session(service, operation):
    async with clients(ANSWERS[service, operation].encode(), service=service) as (plain, compiled):
        theirs, ours = await getattr(plain, operation)(), await getattr(compiled, operation)()
    assert difference(ours, theirs) is None
    assert ours["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert len(ours) > 1


async def test_the_location_of_a_bucket_is_read_from_the_root_element():
    body = b'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">EU</LocationConstraint>'
    async with clients(body, service="s3") as (_, compiled):
        assert (await compiled.get_bucket_location(Bucket="bucket"))["LocationConstraint"] == "EU"


async def test_an_error_raises_the_same_exception_as_a_plain_session():
    body = b'{"Message": "gone", "Type": "User"}'
    async with clients(body, service="lambda", status=404) as both:
        raised = [(await failure(client.list_functions)).response for client in both]
    assert raised[0] == raised[1]


async def failure(call: Callable[[], Awaitable[Any]]) -> Any:
    with pytest.raises(ClientError) as raised:
        await call()
    return raised.value


async def test_an_html_page_is_not_an_empty_list():
    async with clients(HTML, service="dynamodb") as (plain, compiled):
        assert "TableNames" not in await plain.list_tables()
        with pytest.raises(ResponseParserError):
            await compiled.list_tables()


async def test_equal_policy_documents_are_decoded_once_into_one_object():
    async with clients(ANSWERS["iam", "list_roles"].encode(), service="iam") as (_, compiled):
        first, second = (await compiled.list_roles())["Roles"]
    assert first["AssumeRolePolicyDocument"] == TRUST
    assert first["AssumeRolePolicyDocument"] is second["AssumeRolePolicyDocument"]


async def test_botocores_handler_is_replaced_and_installing_twice_adds_nothing():
    session = AioSession()
    install(session)
    install(session)
    emitter = session.get_component("event_emitter")
    parsed = {"Roles": [{"AssumeRolePolicyDocument": quote('"%22text%22"')}]}
    model = service_model("iam").operation_model("ListRoles")
    handled = await emitter.emit("after-call.iam.ListRoles", parsed=parsed, model=model)
    assert json_decode_policies not in [handler for handler, _ in handled]
    assert len(handled) == 1
    assert parsed == {"Roles": [{"AssumeRolePolicyDocument": "%22text%22"}]}


@pytest.mark.parametrize(
    "operation", ["GetAccountAuthorizationDetails", "GetPolicyVersion", "ListUsers", "TagRole", "GetRole"]
)
async def test_policy_documents_are_decoded_wherever_botocore_decodes_them(operation):
    document = quote(json.dumps(TRUST))
    member = {"PolicyDocument": document, "AssumeRolePolicyDocument": document, "Document": document, "Path": document}
    model = service_model("iam").operation_model(operation)

    def answer() -> dict[str, Any]:
        return {
            "RoleDetailList": [{**member, "RolePolicyList": [dict(member), {}]}, {}],
            "Policies": [{"PolicyVersionList": [dict(member)]}],
            "PolicyVersion": dict(member),
            "Role": dict(member),
            "Users": [dict(member)],
            "Error": {"Code": "c"},
        }

    ours, theirs = answer(), answer()
    session = AioSession()
    install(session)
    await session.get_component("event_emitter").emit(f"after-call.iam.{operation}", parsed=ours, model=model)
    json_decode_policies(theirs, model)
    assert ours == theirs


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=40)
@given(document=VALUES, ascii_only=st.booleans(), safe=st.sampled_from(["", "/", ':/*",{} ']))
def test_any_document_is_decoded_as_botocore_decodes_it(document, ascii_only, safe):
    text = quote(json.dumps(document, ensure_ascii=ascii_only), safe=safe, errors="surrogatepass")
    assert difference(decode_policy(text), decode_quoted_jsondoc(text)) is None


@given(
    text=st.text('%0257ABbDdEe"{}:, x=\n\r\u00e9\ud800')
    | st.from_regex(r'"(%(2[0-9A-F]|7[bBdD]|5[bBdD]|C3|A9|0[aAdD]|)|[x=\n\r])*"', fullmatch=True)
)
def test_any_text_is_decoded_or_returned_as_botocore_does(text):
    assert difference(decode_policy(text), decode_quoted_jsondoc(text)) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "%",
        "%22",
        "NaN",
        '"%2541"',
        '"%%352"',
        '"%%20"',
        "%2522a%2522",
        '"%\n"',
        '"%%3D%\r\n4"',
        ' "a" %0A',
        ' "a" \n\r',
        '"=41"',
        '"a"%\r',
        '"%3D41%3d"',
        '"%C3%A9\u20ac"',
        '"%C3"',
        '"\ud800"',
        "%7B%22a%22%3A%20NaN%7D",
        '"%5Cud800"',
        None,
        {"a": 1},
        5,
        "x" * 9000,
    ],
)
def test_other_values_are_returned_as_botocore_returns_them(value):
    assert difference(outcome(decode_policy, value), outcome(decode_quoted_jsondoc, value)) is None


def test_long_documents_are_decoded():
    document = {"Statement": [{"Sid": str(number)} for number in range(2000)]}
    assert decode_policy(quote(json.dumps(document))) == document


async def test_parsers_are_cached_until_the_timestamp_parser_changes():
    shape = service_model("iam").operation_model("GetUser").output_shape
    body = b"<R><GetUserResult><User><CreateDate>2024-01-02T03:04:05Z</CreateDate></User></GetUserResult></R>"
    factory = CompiledParserFactory()
    assert factory.create_parser("query") is factory.create_parser("query")
    assert (await factory.create_parser("query").parse(response(body), shape))["User"]["CreateDate"].year == 2024
    factory.set_parser_defaults(timestamp_parser=lambda text: text[:4])
    assert (await factory.create_parser("query").parse(response(body), shape))["User"] == {"CreateDate": "2024"}


def test_a_shape_is_compiled_once_and_its_plan_is_freed_with_it():
    compiled = []

    def compiler():
        compiled.append(XmlCompiler(str, str))
        return compiled[-1]

    plans = OutputPlans(compiler)
    shapes = [sample_output("ec2"), sample_output("ec2")]
    assert plans.of(shapes[0]) is plans.of(shapes[0])
    assert plans.of(shapes[1]) is not plans.of(shapes[0])
    assert len(compiled) == 2
    plan = plans.of(shapes[0])
    assert plan is not None
    read = weakref.ref(plan.read)
    compiled.clear()
    del plan, shapes[0]
    gc.collect()  # frees the shape, which is in a cycle with its model
    gc.collect()  # frees the plan, which is in a cycle with its compiler
    assert read() is None
