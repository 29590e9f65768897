"""Responses, computed from moto's state, for operations that moto lacks or answers beyond repair.

They apply to every account and region and do not depend on the estate.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.session
from moto.inspector2.models import AccountStatus

from collector.demo.backends import backend
from collector.demo.places import ENABLED_REGIONS
from collector.demo.stub import Fixture, Key, StubError
from collector.demo.wire import Request, Value, empty


@cache
def _regions() -> tuple[str, ...]:
    return tuple(sorted(botocore.session.get_session().get_available_regions("ec2", partition_name="aws")))


def _describe_regions(request: Request) -> Value:
    """Moto lists the regions of all partitions and reports all of them as enabled."""
    names = request.params.get("RegionNames") or _regions()
    regions = [
        {
            "RegionName": region,
            "Endpoint": f"ec2.{region}.amazonaws.com",
            "OptInStatus": "opt-in-not-required" if region in ENABLED_REGIONS else "not-opted-in",
        }
        for region in _regions()
        if region in names and (region in ENABLED_REGIONS or request.params.get("AllRegions"))
    ]
    for condition in request.params.get("Filters", []):
        field = {"region-name": "RegionName", "opt-in-status": "OptInStatus", "endpoint": "Endpoint"}[condition["Name"]]
        regions = [region for region in regions if region[field] in condition["Values"]]
    return {"Regions": regions}


def _list_regions(request: Request) -> Value:
    regions = [
        {
            "RegionName": region,
            "RegionOptStatus": "ENABLED_BY_DEFAULT" if region in ENABLED_REGIONS else "DISABLED",
        }
        for region in _regions()
    ]
    statuses = request.params.get("RegionOptStatusContains")
    return {"Regions": [region for region in regions if not statuses or region["RegionOptStatus"] in statuses]}


def _list_buckets(request: Request) -> Value:
    """Moto returns no regions, and truncates a long list without a token."""
    region, prefix = request.params.get("BucketRegion"), request.params.get("Prefix", "")
    buckets = [
        {"Name": name, "CreationDate": bucket.creation_date, "BucketRegion": bucket.region_name}
        for name, bucket in sorted(backend(request, "s3", "aws").buckets.items())
        if name.startswith(prefix) and region in (None, bucket.region_name)
    ]
    first = int(request.params.get("ContinuationToken") or 0)
    end = first + int(request.params.get("MaxBuckets") or len(buckets))
    answer: Value = {"Buckets": buckets[first:end], "Owner": {"ID": "acme"}}
    return {**answer, "ContinuationToken": str(end)} if end < len(buckets) else answer


def _list_transfer_users(request: Request) -> Value:
    server = request.params["ServerId"]
    answer = backend(request, "transfer").describe_server(server_id=server)
    users = [
        {"Arn": user.arn, "UserName": user.user_name, "Role": user.role, "HomeDirectory": user.home_directory or "/"}
        for user in answer._users  # noqa: SLF001 - moto offers nothing else to list them
    ]
    return {"ServerId": server, "Users": users}


def _list_protected(request: Request) -> Value:
    """The resources of a web ACL; in moto all of them are load balancers."""
    if request.params.get("ResourceType", "APPLICATION_LOAD_BALANCER") != "APPLICATION_LOAD_BALANCER":
        return {"ResourceArns": []}
    acl = backend(request, "wafv2").wacls[request.params["WebACLArn"]]
    return {"ResourceArns": [arn for arn in acl.associated_resources if ":loadbalancer/" in arn]}


def _get_authorizers(request: Request) -> Value:
    api = backend(request, "apigatewayv2").get_api(request.params["ApiId"])
    return {
        "Items": [
            {
                "AuthorizerId": authorizer.id,
                "Name": authorizer.name,
                "AuthorizerType": authorizer.authorizer_type,
                "AuthorizerUri": authorizer.authorizer_uri,
                "IdentitySource": authorizer.identity_source,
                "AuthorizerPayloadFormatVersion": authorizer.auth_payload_format_version,
            }
            for authorizer in api.authorizers.values()
        ]
    }


def _describe_cache_clusters(request: Request) -> Value:
    """Moto leaves out security groups, nodes, and the member clusters of a replication group."""
    state = backend(request, "elasticache")
    clusters = [_cache_cluster(cluster) for cluster in state.cache_clusters.values()]
    for group in state.replication_groups.values():
        clusters += [_redis_member(request, group, member) for member in group.member_clusters]
    identifier = request.params.get("CacheClusterId")
    found = [cluster for cluster in clusters if identifier in (None, cluster["CacheClusterId"])]
    if identifier and not found:
        raise StubError(404, "CacheClusterNotFound", f"CacheCluster not found: {identifier}")
    return {"CacheClusters": found}


def _cache_cluster(cluster: Any) -> Value:
    nodes = [
        {
            "CacheNodeId": f"{number:04}",
            "CacheNodeStatus": "available",
            "CacheNodeCreateTime": cluster.cache_cluster_create_time,
            "Endpoint": {
                "Address": f"{cluster.cache_cluster_id}.{number:04}.cache.amazonaws.com",
                "Port": cluster.port,
            },
        }
        for number in range(1, cluster.num_cache_nodes + 1)
    ]
    return {
        "CacheClusterId": cluster.cache_cluster_id,
        "ARN": cluster.arn,
        "Engine": cluster.engine,
        "EngineVersion": cluster.engine_version,
        "CacheNodeType": cluster.cache_node_type,
        "CacheClusterStatus": "available",
        "CacheClusterCreateTime": cluster.cache_cluster_create_time,
        "CacheSubnetGroupName": cluster.cache_subnet_group_name,
        "NumCacheNodes": cluster.num_cache_nodes,
        "CacheNodes": nodes,
        "SecurityGroups": _memberships(cluster),
        "TransitEncryptionEnabled": bool(cluster.transit_encryption_enabled),
        "AtRestEncryptionEnabled": False,
    }


def _redis_member(request: Request, group: Any, member: str) -> Value:
    return {
        "CacheClusterId": member,
        "ARN": f"arn:aws:elasticache:{request.region}:{request.account}:cluster:{member}",
        "ReplicationGroupId": group.replication_group_id,
        "Engine": group.engine,
        "EngineVersion": group.engine_version,
        "CacheNodeType": group.cache_node_type,
        "CacheClusterStatus": "available",
        "CacheClusterCreateTime": group.replication_group_create_time,
        "CacheSubnetGroupName": group.cache_subnet_group_name,
        "NumCacheNodes": 1,
        "SecurityGroups": _memberships(group),
        "TransitEncryptionEnabled": group.transit_encryption_enabled,
        "AtRestEncryptionEnabled": group.at_rest_encryption_enabled,
    }


def _memberships(owner: Any) -> list[Value]:
    return [{"SecurityGroupId": group, "Status": "active"} for group in owner.security_group_ids or ()]


def _inspector_status(request: Request) -> Value:
    """Moto requires account ids, and leaves out accounts that have not enabled Inspector."""
    statuses = backend(request, "inspector2").account_status
    accounts = request.params.get("accountIds") or [request.account]
    found = [statuses.get(account) or AccountStatus(account) for account in accounts]
    return {"accounts": [status.to_batch_json() for status in found], "failedAccounts": []}


STAND_INS: dict[Key, Fixture] = {
    **dict.fromkeys(
        [
            ("accessanalyzer", "ListAnalyzers"),
            ("config", "DescribeComplianceByConfigRule"),
            ("config", "GetComplianceDetailsByConfigRule"),
            ("guardduty", "ListFindings"),
            ("inspector", "ListAssessmentRuns"),
            ("inspector2", "ListCoverage"),
            ("lambda", "ListFunctionUrlConfigs"),
            ("route53domains", "ListTagsForDomain"),
            ("waf", "ListWebACLs"),
            ("waf-regional", "ListWebACLs"),
            ("workspaces", "DescribeWorkspaceBundles"),
            ("workspaces", "DescribeWorkspacesConnectionStatus"),
        ],
        empty,
    ),
    ("account", "ListRegions"): _list_regions,
    ("apigatewayv2", "GetAuthorizers"): _get_authorizers,
    ("ec2", "DescribeRegions"): _describe_regions,
    ("elasticache", "DescribeCacheClusters"): _describe_cache_clusters,
    ("inspector2", "BatchGetAccountStatus"): _inspector_status,
    ("s3", "ListBuckets"): _list_buckets,
    ("transfer", "ListUsers"): _list_transfer_users,
    ("wafv2", "ListResourcesForWebACL"): _list_protected,
}
