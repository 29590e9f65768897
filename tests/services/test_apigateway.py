import pytest

from collector.services import apigateway

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:orders"
LISTENER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2"


def invoked(arn):
    return f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"


@pytest.mark.parametrize(
    ("uri", "targets"),
    [
        (FUNCTION, [FUNCTION]),
        (f"{FUNCTION}:live", [FUNCTION]),
        (invoked(FUNCTION), [FUNCTION]),
        (invoked(f"{FUNCTION}:7"), [FUNCTION]),
        (invoked(f"{FUNCTION}:${{stageVariables.alias}}"), [FUNCTION]),
        (invoked("arn:aws:lambda:us-east-1:123456789012:function:${stageVariables.fn}"), []),
        (LISTENER, [LISTENER]),
        ("arn:aws:apigateway:us-east-1:sqs:path/123456789012/orders", []),
        ("https://example.com/", []),
        ([invoked(FUNCTION), invoked(f"{FUNCTION}:live"), LISTENER], [FUNCTION, LISTENER]),
    ],
)
def test_the_target_of_an_integration_is_the_resource_without_qualifier(uri, targets):
    assert apigateway.targets(uri) == targets


def test_only_lambda_functions_are_selected_from_targets():
    assert apigateway.functions([LISTENER, invoked(FUNCTION)]) == [FUNCTION]


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("https://Web-1.eu-west-1.elb.amazonaws.com:8443/x", "web-1.eu-west-1.elb.amazonaws.com"),
        ("http://10.0.0.1/{proxy}", "10.0.0.1"),
        (FUNCTION, None),
    ],
)
def test_only_a_url_has_a_host(uri, host):
    assert apigateway.host(uri) == host


@pytest.mark.parametrize(
    ("url", "arn"),
    [
        (
            "https://sqs.us-east-1.amazonaws.com/123456789012/orders.fifo",
            "arn:aws:sqs:us-east-1:123456789012:orders.fifo",
        ),
        (
            "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/orders",
            "arn:aws-cn:sqs:cn-north-1:123456789012:orders",
        ),
        ("$request.header.queue", None),
    ],
)
def test_a_queue_url_gives_the_queue_arn(url, arn):
    assert apigateway.queue_arn(url) == arn


@pytest.mark.parametrize(
    ("policy", "plain"),
    [
        ('{\\"Version\\":\\"2012-10-17\\"}', '{"Version":"2012-10-17"}'),
        ('{"Sid":"a \\"quoted\\" word"}', '{"Sid":"a \\"quoted\\" word"}'),
    ],
)
def test_a_policy_that_was_escaped_twice_is_unescaped_once(policy, plain):
    assert apigateway.unescaped(policy) == plain


@pytest.mark.parametrize(
    ("stages", "settings"),
    [
        ([], None),
        ([{"stageName": "test", "methodSettings": {}}], None),
        (
            [{"stageName": "prod", "methodSettings": {"*/*": {"cachingEnabled": True}}}],
            '{"prod":{"*/*":{"cachingEnabled":true}}}',
        ),
    ],
)
def test_method_settings_are_kept_by_stage(stages, settings):
    assert apigateway.method_settings(stages) == settings


@pytest.mark.parametrize(
    ("route", "endpoint", "address"),
    [
        (
            "GET /orders/{id}",
            "https://a.execute-api.eu-west-1.amazonaws.com",
            "https://a.execute-api.eu-west-1.amazonaws.com/orders/{id}",
        ),
        ("$default", "https://a.execute-api.eu-west-1.amazonaws.com", "https://a.execute-api.eu-west-1.amazonaws.com"),
        ("GET /orders", None, None),
    ],
)
def test_a_route_url_starts_with_the_api_endpoint(route, endpoint, address):
    assert apigateway.address.fn({"RouteKey": route, "^": {"ApiEndpoint": endpoint}}) == address
