import pytest

from collector.model import Place
from collector.schema.paths import reader
from collector.services import elasticache


@pytest.mark.parametrize(
    ("cluster", "alone"),
    [
        ({"Engine": "redis"}, True),
        ({"Engine": "valkey", "ReplicationGroupId": ""}, True),
        ({"Engine": "redis", "ReplicationGroupId": "orders"}, False),
        ({"Engine": "memcached"}, False),
    ],
)
def test_a_redis_or_valkey_cache_cluster_outside_of_a_group_is_standalone(cluster, alone):
    assert elasticache.is_standalone.fn(cluster) is alone


@pytest.mark.parametrize(
    ("name", "host"), [("a-001.x.use1.amazonaws.com", "a-001"), (["b.x", "c.x"], "b"), ([], None), (None, None)]
)
def test_a_host_name_is_the_first_label_of_a_domain_name(name, host):
    assert reader(elasticache.first_label("Name"))({"Name": name}, Place("aws", "1", "us-east-1")) == host
