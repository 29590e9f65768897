import pytest

from collector.schema.patterns import lambda_functions
from collector.services import elb

ATTRIBUTES = [{"Key": "routing.http2.enabled", "Value": "true"}, {"Key": "access_logs.s3.prefix", "Value": ""}]
ACM = "arn:aws:acm:us-east-1:123456789012:certificate/2b9e4d1c-7a55-4b0e-9c2e-7f3f0d3f2a11"
IAM = "arn:aws:iam::123456789012:server-certificate/legacy"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        (elb.flag("routing.http2.enabled"), True),
        (elb.attribute("routing.http2.enabled"), "true"),
        (elb.attribute("access_logs.s3.prefix"), None),
        (elb.flag("waf.fail_open.enabled"), None),
    ],
)
def test_an_attribute_is_found_by_its_key(source, value):
    assert source.fn(ATTRIBUTES) == value


def test_certificates_are_unique_and_only_acm_certificates_become_edges():
    row = {"Certificates": [{"CertificateArn": ACM}], "Sni": [{"CertificateArn": ACM}, {"CertificateArn": IAM}]}
    assert elb.certificates(row) == [ACM, IAM]
    assert elb.acm_certificates.fn(row) == [ACM]
    assert elb.certificates({}) == []


def test_the_client_secret_of_openid_connect_is_left_out():
    login = {"ClientId": "web", "ClientSecret": "s3cr3t-oidc"}
    text = elb.actions("Actions").fn([{"Type": "authenticate-oidc", "AuthenticateOidcConfig": login}])
    assert text == '[{"AuthenticateOidcConfig":{"ClientId":"web"},"Type":"authenticate-oidc"}]'


@pytest.mark.parametrize(
    ("arns", "functions"),
    [
        (
            "arn:aws:lambda:us-east-1:123456789012:function:hooks",
            ["arn:aws:lambda:us-east-1:123456789012:function:hooks"],
        ),
        (
            "arn:aws:lambda:us-east-1:123456789012:function:hooks:live",
            ["arn:aws:lambda:us-east-1:123456789012:function:hooks"],
        ),
        (["arn:aws:sqs:us-east-1:123456789012:orders", "i-0123456789abcdef0"], []),
        ("arn:aws:lambda:us-east-1:123456789012:layer:tools:3", []),
    ],
)
def test_lambda_functions_have_no_version_or_alias(arns, functions):
    assert lambda_functions("Arn").fn(arns) == functions
