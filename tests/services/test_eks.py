import pytest

from collector.services import eks


def cluster(**fields):
    return {"Detail": {"cluster": fields}}


@pytest.mark.parametrize(
    ("logging", "logged"),
    [
        (None, False),
        ({"clusterLogging": []}, False),
        ({"clusterLogging": [{"types": ["api", "audit"], "enabled": True}]}, True),
        ({"clusterLogging": [{"types": ["api"], "enabled": False}]}, False),
        ({"clusterLogging": [{"types": ["audit"], "enabled": True}, {"types": ["api"], "enabled": False}]}, False),
    ],
)
def test_a_log_type_is_enabled_if_an_enabled_setup_lists_it(logging, logged):
    assert eks.log_enabled("api").fn(cluster(logging=logging)) is logged


@pytest.mark.parametrize(
    ("network", "groups"),
    [
        (None, []),
        ({"securityGroupIds": ["sg-1"]}, ["sg-1"]),
        ({"securityGroupIds": ["sg-1"], "clusterSecurityGroupId": "sg-2"}, ["sg-1", "sg-2"]),
        ({"securityGroupIds": ["sg-1"], "clusterSecurityGroupId": "sg-1"}, ["sg-1"]),
    ],
)
def test_security_groups_include_the_cluster_security_group(network, groups):
    assert eks.security_groups.fn(cluster(resourcesVpcConfig=network)) == groups
