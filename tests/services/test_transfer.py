from __future__ import annotations

import pytest

from collector.services.transfer import buckets, endpoints, is_public


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ({"EndpointType": "PUBLIC"}, True),
        ({"EndpointType": "VPC", "EndpointDetails": {"AddressAllocationIds": ["eipalloc-1"]}}, True),
        ({"EndpointType": "VPC", "EndpointDetails": {"SubnetIds": ["subnet-1"]}}, False),
        ({"EndpointType": "VPC_ENDPOINT"}, False),
    ],
)
def test_a_server_is_public_by_type_or_elastic_ip(server, expected):
    assert is_public({"EndpointType": server["EndpointType"], "Detail": {"Server": server}}) is expected


def test_without_details_the_endpoint_type_decides():
    assert is_public({"EndpointType": "PUBLIC"})


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"HomeDirectoryType": "PATH", "HomeDirectory": "/inbox/ada"}, ["inbox"]),
        ({"HomeDirectory": "inbox"}, ["inbox"]),
        (
            {
                "HomeDirectoryType": "LOGICAL",
                "HomeDirectoryMappings": [{"Target": "/a/x"}, {"Target": "/b"}, {"Target": "/a"}],
            },
            ["a", "b"],
        ),
        ({"HomeDirectoryType": "PATH", "HomeDirectory": "/"}, []),
        ({}, []),
    ],
)
def test_buckets_are_the_first_segments_of_home_directories(user, expected):
    assert buckets({"Detail": {"User": user}}) == expected


@pytest.mark.parametrize(
    ("partition", "region", "suffix"),
    [("aws", "us-east-1", "amazonaws.com"), ("aws-cn", "cn-north-1", "amazonaws.com.cn")],
)
def test_the_host_name_of_a_server(partition, region, suffix):
    assert endpoints(f"arn:{partition}:transfer:{region}:123456789012:server/s-1") == [
        f"s-1.server.transfer.{region}.{suffix}"
    ]
