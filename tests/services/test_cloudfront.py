import pytest

from collector.services import cloudfront


@pytest.mark.parametrize(
    ("domain", "arn"),
    [
        ("shop.s3.amazonaws.com", "arn:aws:s3:::shop"),
        ("shop.s3.eu-west-1.amazonaws.com", "arn:aws:s3:::shop"),
        ("shop.s3-eu-west-1.amazonaws.com", "arn:aws:s3:::shop"),
        ("shop.s3.dualstack.us-gov-west-1.amazonaws.com", "arn:aws:s3:::shop"),
        ("shop.s3-website-us-east-1.amazonaws.com", "arn:aws:s3:::shop"),
        ("shop.s3-website.eu-central-1.amazonaws.com", "arn:aws:s3:::shop"),
        ("www.example.com.s3.us-east-1.amazonaws.com", "arn:aws:s3:::www.example.com"),
        ("my.s3.shop.s3.amazonaws.com", "arn:aws:s3:::my.s3.shop"),
        ("shop.s3.cn-north-1.amazonaws.com.cn", "arn:aws-cn:s3:::shop"),
        ("shop.example.com", None),
        ("s3.amazonaws.com", None),
        ("shop-1.eu-west-1.elb.amazonaws.com", None),
    ],
)
def test_the_bucket_is_read_from_an_s3_host_name(domain, arn):
    assert cloudfront.bucket_arn(domain) == arn
    assert cloudfront.bucket_name(domain) == (arn and arn.rpartition(":")[2])


@pytest.mark.parametrize(
    ("domain", "api"),
    [
        ("a1b2c3d4e5.execute-api.us-east-1.amazonaws.com", True),
        ("a1b2c3d4e5.execute-api.cn-north-1.amazonaws.com.cn", True),
        ("api.example.com", False),
        ("execute-api.us-east-1.amazonaws.com", False),
    ],
)
def test_the_domain_name_of_an_api_says_its_region(domain, api):
    assert cloudfront.api_host(domain) == (domain if api else None)


def behavior(*arns):
    return {"LambdaFunctionAssociations": {"Items": [{"LambdaFunctionARN": arn} for arn in arns]}}


@pytest.mark.parametrize(
    ("row", "functions"),
    [
        ({}, []),
        ({"DefaultCacheBehavior": {"LambdaFunctionAssociations": {"Quantity": 0}}, "CacheBehaviors": {}}, []),
        ({"DefaultCacheBehavior": behavior("f:1")}, ["f"]),
        ({"DefaultCacheBehavior": behavior("f:1"), "CacheBehaviors": {"Items": [behavior("g:2"), {}]}}, ["f", "g"]),
    ],
)
def test_edge_functions_of_every_behavior_have_no_version(row, functions):
    assert cloudfront.edge_functions.fn(row) == functions
