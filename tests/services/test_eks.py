import pytest

from collector.services import eks


def cluster(**given):
    return {"Detail": {"cluster": given}}


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
def test_a_log_is_on_where_a_setup_that_is_enabled_names_it(logging, logged):
    assert eks.logs("api").fn(cluster(logging=logging)) is logged


@pytest.mark.parametrize(
    ("network", "groups"),
    [
        (None, []),
        ({"securityGroupIds": ["sg-1"]}, ["sg-1"]),
        ({"securityGroupIds": ["sg-1"], "clusterSecurityGroupId": "sg-2"}, ["sg-1", "sg-2"]),
        ({"securityGroupIds": ["sg-1"], "clusterSecurityGroupId": "sg-1"}, ["sg-1"]),
    ],
)
def test_the_groups_are_those_given_and_the_cluster_s_own(network, groups):
    assert eks.security_groups.fn(cluster(resourcesVpcConfig=network)) == groups
