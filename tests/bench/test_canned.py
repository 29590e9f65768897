"""The canned AWS of the benchmarks: it must answer as AWS does, or the figures are meaningless."""

import json
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.retries.standard import RetryContext, ThrottledRetryableChecker

# The benchmarks are scripts, which mypy does not find as a package.
_canned = import_module("bench.canned")
Profile = import_module("bench.canned.estate").Profile
NAMED = import_module("bench.canned.profiles").NAMED
canned_server, resources = _canned.canned_server, _canned.resources
Canned: TypeAlias = Any

REGIONS = ("us-east-1", "eu-west-1")
HERE = "us-east-1"
COUNTS = {kind: max(3, count // (100 if kind == "aws_s3_bucket" else 250)) for kind, count in NAMED["100k"][2].items()}
CONFIG = Config(
    retries={"total_max_attempts": 1},
    s3={"addressing_style": "path"},
    inject_host_prefix=False,
    max_pool_connections=2,
)
CLIENTS: dict[tuple[str, str, str, str], Any] = {}

Row = dict[str, Any]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canned]:
    profile = tmp_path_factory.mktemp("canned") / "profile.json"
    profile.write_text(json.dumps({"accounts": 2, "regions": dict.fromkeys(REGIONS, 1), "counts": COUNTS}))
    with canned_server(str(profile)) as server:
        yield server
    for client in CLIENTS.values():
        client.close()
    CLIENTS.clear()


@pytest.fixture
def controlled(aws: Canned) -> Iterator[Canned]:
    """The server with zeroed statistics; its rules are dropped after the test."""
    aws.control(reset=1)
    yield aws
    aws.control(clear=1, reset=1)


def client(aws: Canned, service: str, region: str = HERE, account: str = "000000000001") -> Any:
    key = (aws.url, service, region, account)
    if key not in CLIENTS:
        created = CLIENTS[key] = boto3.client(
            service,
            region_name=region,
            endpoint_url=aws.url,
            aws_access_key_id=f"AKIA{account}",
            aws_secret_access_key="canned",
            config=CONFIG,
        )
        # S3 Control prefixes every host with the account id, even an IP address.
        created.meta.events.register("before-sign.s3-control", partial(without_account, account=account))
    return CLIENTS[key]


def without_account(request: Any, account: str, **_: Any) -> None:
    request.url = request.url.replace(f"//{account}.", "//")


def pages(
    aws: Canned, service: str, operation: str, region: str = HERE, size: int | None = 7, **params: Any
) -> list[Row]:
    paginator = client(aws, service, region).get_paginator(operation)
    return list(paginator.paginate(PaginationConfig={"PageSize": size} if size else {}, **params))


def rows(aws: Canned, service: str, operation: str, items: str, region: str = HERE, **params: Any) -> list[Any]:
    found: list[Any] = []
    for page in pages(aws, service, operation, region, **params):
        value: Any = page
        for step in items.split("."):
            value = value.get(step) or []
        found += value
    return found


def everywhere(aws: Canned, service: str, operation: str, items: str, **params: Any) -> list[Any]:
    return [row for region in REGIONS for row in rows(aws, service, operation, items, region, **params)]


EXPECTED = Profile(COUNTS, regions=dict.fromkeys(REGIONS, 1)).resources()

# Type -> service, operation, path of the rows, and the page size unless it is 7.
LISTS: dict[str, tuple[Any, ...]] = {
    "aws_acm_certificate": ("acm", "list_certificates", "CertificateSummaryList"),
    "aws_ami": ("ec2", "describe_images", "Images"),
    "aws_autoscaling_group": ("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"),
    "aws_cloudfront_distribution": ("cloudfront", "list_distributions", "DistributionList.Items", 2),
    "aws_cloudwatch_log_group": ("logs", "describe_log_groups", "logGroups", 20),
    "aws_cloudwatch_metric_alarm": ("cloudwatch", "describe_alarms", "MetricAlarms"),
    "aws_db_cluster_snapshot": ("rds", "describe_db_cluster_snapshots", "DBClusterSnapshots"),
    "aws_db_instance": ("rds", "describe_db_instances", "DBInstances"),
    "aws_db_snapshot": ("rds", "describe_db_snapshots", "DBSnapshots"),
    "aws_ebs_snapshot": ("ec2", "describe_snapshots", "Snapshots", 40),
    "aws_ebs_volume": ("ec2", "describe_volumes", "Volumes", 20),
    "aws_ecr_repository": ("ecr", "describe_repositories", "repositories"),
    "aws_ecs_cluster": ("ecs", "list_clusters", "clusterArns"),
    "aws_ecs_task_definition": ("ecs", "list_task_definitions", "taskDefinitionArns"),
    "aws_elb": ("elb", "describe_load_balancers", "LoadBalancerDescriptions"),
    "aws_eni": ("ec2", "describe_network_interfaces", "NetworkInterfaces", 20),
    "aws_iam_saml_provider": ("iam", "list_saml_providers", "SAMLProviderList"),
    "aws_iam_user": ("iam", "list_users", "Users", 2),
    "aws_instance": ("ec2", "describe_instances", "Reservations"),
    "aws_internet_gateway": ("ec2", "describe_internet_gateways", "InternetGateways"),
    "aws_kms_key": ("kms", "list_keys", "Keys", 3),
    "aws_lambda_function": ("lambda", "list_functions", "Functions"),
    "aws_lb_target_group": ("elbv2", "describe_target_groups", "TargetGroups"),
    "aws_nat_gateway": ("ec2", "describe_nat_gateways", "NatGateways"),
    "aws_network_acl": ("ec2", "describe_network_acls", "NetworkAcls"),
    "aws_rds_cluster": ("rds", "describe_db_clusters", "DBClusters"),
    "aws_route53_domain": ("route53domains", "list_domains", "Domains", 1),
    "aws_route53_zone": ("route53", "list_hosted_zones", "HostedZones", 2),
    "aws_route_table": ("ec2", "describe_route_tables", "RouteTables"),
    "aws_s3_bucket": ("s3", "list_buckets", "Buckets", 4),
    "aws_security_group": ("ec2", "describe_security_groups", "SecurityGroups"),
    "aws_sns_subscription": ("sns", "list_subscriptions", "Subscriptions", None),
    "aws_sns_topic": ("sns", "list_topics", "Topics", None),
    "aws_sqs_queue": ("sqs", "list_queues", "QueueUrls"),
    "aws_subnet": ("ec2", "describe_subnets", "Subnets"),
    "aws_vpc": ("ec2", "describe_vpcs", "Vpcs"),
    "mfa_device": ("iam", "list_virtual_mfa_devices", "VirtualMFADevices", 2),
}
UNPAGED = {
    "aws_eip": ("ec2", "describe_addresses", "Addresses"),
    "aws_key_pair": ("ec2", "describe_key_pairs", "KeyPairs"),
    "aws_vpn_gateway": ("ec2", "describe_vpn_gateways", "VpnGateways"),
}
GLOBAL = {"iam", "s3", "route53", "route53domains", "cloudfront"}


def listed(aws: Canned, kind: str) -> list[Any]:
    if kind in UNPAGED:
        service, operation, items = UNPAGED[kind]
        return [row for region in REGIONS for row in getattr(client(aws, service, region), operation)()[items]]
    service, operation, items, *size = LISTS[kind]
    if kind == "aws_iam_saml_provider":
        return list(client(aws, service).list_saml_providers()[items])
    params = {"size": size[0]} if size else {}
    if service in GLOBAL:
        return rows(aws, service, operation, items, **params)
    return everywhere(aws, service, operation, items, **params)


@pytest.mark.parametrize("kind", sorted({*LISTS, *UNPAGED}))
def test_the_pages_of_a_list_have_as_many_rows_as_the_profile(aws: Canned, kind: str) -> None:
    found = listed(aws, kind)

    assert len(found) == EXPECTED[kind]
    assert len({str(row) for row in found}) == len(found)


def test_pages_have_the_requested_size(aws: Canned) -> None:
    sizes = [len(page["Volumes"]) for page in pages(aws, "ec2", "describe_volumes", size=10)]

    assert len(sizes) > 1
    assert set(sizes[:-1]) == {10}


def test_all_load_balancers_listeners_and_rules_are_listed(aws: Canned) -> None:
    found: Counter[str] = Counter()
    for region in REGIONS:
        for balancer in rows(aws, "elbv2", "describe_load_balancers", "LoadBalancers", region):
            found[balancer["Type"]] += 1
            arn = {"LoadBalancerArn": balancer["LoadBalancerArn"]}
            for listener in rows(aws, "elbv2", "describe_listeners", "Listeners", region, **arn):
                found["listener"] += 1
                assert listener["LoadBalancerArn"] == balancer["LoadBalancerArn"]
                arn = {"ListenerArn": listener["ListenerArn"]}
                found["rule"] += len(rows(aws, "elbv2", "describe_rules", "Rules", region, **arn))

    assert found == {
        "application": EXPECTED["aws_alb"],
        "network": EXPECTED["aws_nlb"],
        "listener": EXPECTED["aws_lb_listener"],
        "rule": EXPECTED["aws_lb_listener_rule"],
    }


def test_all_resources_of_ecs_clusters_are_listed_and_described(aws: Canned) -> None:
    found: Counter[str] = Counter()
    for region in REGIONS:
        ecs = client(aws, "ecs", region)
        for cluster in ecs.list_clusters()["clusterArns"]:
            for name, operation, describe in (
                ("containerInstances", "list_container_instances", ecs.describe_container_instances),
                ("services", "list_services", ecs.describe_services),
                ("tasks", "list_tasks", ecs.describe_tasks),
            ):
                singular = {"containerInstances": "containerInstance", "services": "service", "tasks": "task"}[name]
                arns = rows(aws, "ecs", operation, f"{singular}Arns", region, cluster=cluster)
                for start in range(0, len(arns), 10):
                    described = describe(cluster=cluster, **{name: arns[start : start + 10]})[name]
                    assert [row[f"{singular}Arn"] for row in described] == arns[start : start + 10]
                found[name] += len(arns)

    assert found == {
        "containerInstances": EXPECTED["aws_ecs_container_instance"],
        "services": EXPECTED["aws_ecs_service"],
        "tasks": EXPECTED["aws_ecs_task"],
    }


def test_all_images_and_their_findings_are_listed(aws: Canned) -> None:
    found: Counter[str] = Counter()
    for region in REGIONS:
        for repository in rows(aws, "ecr", "describe_repositories", "repositories", region):
            name = {"repositoryName": repository["repositoryName"]}
            for image in rows(aws, "ecr", "describe_images", "imageDetails", region, **name):
                found["image"] += 1
                params = {**name, "imageId": {"imageDigest": image["imageDigest"]}}
                findings = pages(aws, "ecr", "describe_image_scan_findings", region, size=4, **params)
                found["finding"] += sum(len(page["imageScanFindings"]["findings"]) for page in findings)

    assert found == {"image": EXPECTED["aws_ecr_image"], "finding": EXPECTED["aws_ecr_image_scan_finding"]}


def test_all_rules_of_all_buses_are_listed_and_have_targets(aws: Canned) -> None:
    found = 0
    for region in REGIONS:
        events = client(aws, "events", region)
        for bus in events.list_event_buses()["EventBuses"]:
            for rule in rows(aws, "events", "list_rules", "Rules", region, EventBusName=bus["Name"]):
                found += 1
                assert events.list_targets_by_rule(Rule=rule["Name"], EventBusName=bus["Name"])["Targets"]

    assert found == EXPECTED["aws_cloudwatch_event_rule"]


def test_all_records_of_all_zones_are_listed_in_order(aws: Canned) -> None:
    found = 0
    for zone in rows(aws, "route53", "list_hosted_zones", "HostedZones"):
        # One record a page, because the two records of the apex differ only in their type.
        records = rows(
            aws, "route53", "list_resource_record_sets", "ResourceRecordSets", size=1, HostedZoneId=zone["Id"]
        )
        assert [record["Type"] for record in records[:2]] == ["NS", "SOA"]
        assert len(records) == zone["ResourceRecordSetCount"]
        found += len(records)

    assert found == EXPECTED["aws_route53_record"]


def test_all_origins_are_listed(aws: Canned) -> None:
    items = rows(aws, "cloudfront", "list_distributions", "DistributionList.Items", size=2)

    assert sum(len(item["Origins"]["Items"]) for item in items) == EXPECTED["aws_cloudfront_distribution_origin"]
    assert all(item["Origins"]["Quantity"] == len(item["Origins"]["Items"]) for item in items)


def test_authorization_details_contain_all_of_iam(aws: Canned) -> None:
    found: Counter[str] = Counter()
    for page in pages(aws, "iam", "get_account_authorization_details", size=10):
        found["aws_iam_user"] += len(page["UserDetailList"])
        found["aws_iam_user_policy"] += sum(len(user.get("UserPolicyList", [])) for user in page["UserDetailList"])
        found["aws_iam_group"] += len(page["GroupDetailList"])
        found["aws_iam_group_policy"] += sum(len(g.get("GroupPolicyList", [])) for g in page["GroupDetailList"])
        found["aws_iam_role"] += len(page["RoleDetailList"])
        found["aws_iam_role_policy"] += sum(len(role.get("RolePolicyList", [])) for role in page["RoleDetailList"])
        found["aws_iam_policy"] += len(page["Policies"])

    assert found == {kind: EXPECTED[kind] for kind in found}


def test_iam_policies_have_one_default_version_with_a_document(aws: Canned) -> None:
    page = client(aws, "iam").get_account_authorization_details(MaxItems=1000)

    for policy in page["Policies"]:
        versions = policy["PolicyVersionList"]
        (default,) = [version for version in versions if version["IsDefaultVersion"]]
        assert default["VersionId"] == policy["DefaultVersionId"]
        assert default["Document"]["Statement"]
    assert all(role["AssumeRolePolicyDocument"]["Statement"] for role in page["RoleDetailList"])


def test_all_access_keys_and_mfa_devices_are_listed_by_user(aws: Canned) -> None:
    iam = client(aws, "iam")
    found: Counter[str] = Counter()
    for user in iam.list_users(MaxItems=1000)["Users"]:
        name = user["UserName"]
        keys = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
        assert all(iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["UserName"] == name for key in keys)
        found["aws_iam_access_key"] += len(keys)
        found["mfa_device"] += len(iam.list_mfa_devices(UserName=name)["MFADevices"])

    assert found == {kind: EXPECTED[kind] for kind in found}


def test_the_credential_report_contains_the_root_user_and_every_user(aws: Canned) -> None:
    iam = client(aws, "iam")

    assert iam.generate_credential_report()["State"] == "COMPLETE"
    lines = iam.get_credential_report()["Content"].decode().splitlines()

    assert lines[1].startswith("<root_account>,")
    assert len(lines) == 2 + EXPECTED["aws_iam_user"]
    assert {line.count(",") for line in lines} == {21}


def test_every_setting_of_a_bucket_is_returned_or_reported_as_missing(aws: Canned) -> None:
    s3 = client(aws, "s3")
    policies, missing = 0, set()
    for bucket in rows(aws, "s3", "list_buckets", "Buckets", size=4):
        name = bucket["Name"]
        assert (s3.get_bucket_location(Bucket=name)["LocationConstraint"] or HERE) == bucket["BucketRegion"]
        assert s3.get_bucket_acl(Bucket=name)["Grants"]
        assert s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        for operation in (
            "get_bucket_policy",
            "get_bucket_policy_status",
            "get_public_access_block",
            "get_bucket_versioning",
            "get_bucket_logging",
            "get_bucket_tagging",
            "get_bucket_ownership_controls",
            "get_bucket_lifecycle_configuration",
            "get_bucket_replication",
            "get_bucket_website",
            "get_object_lock_configuration",
            "get_bucket_notification_configuration",
            "head_bucket",
        ):
            try:
                getattr(s3, operation)(Bucket=name)
                policies += operation == "get_bucket_policy"
            except ClientError as error:
                missing.add(error.response["Error"]["Code"])

    assert policies == EXPECTED["aws_s3_bucket_policy"]
    assert missing == {
        "NoSuchBucketPolicy",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "NoSuchTagSet",
        "NoSuchWebsiteConfiguration",
        "ObjectLockConfigurationNotFoundError",
        "ReplicationConfigurationNotFoundError",
    }


def test_instances_refer_only_to_existing_resources(aws: Canned) -> None:
    ec2 = client(aws, "ec2")
    subnets = {row["SubnetId"]: row["VpcId"] for row in ec2.describe_subnets()["Subnets"]}
    groups = {row["GroupId"]: row["VpcId"] for row in ec2.describe_security_groups()["SecurityGroups"]}
    volumes = {row["VolumeId"]: row for row in ec2.describe_volumes()["Volumes"]}
    interfaces = {row["NetworkInterfaceId"]: row for row in ec2.describe_network_interfaces()["NetworkInterfaces"]}
    images = {row["ImageId"] for row in ec2.describe_images(Owners=["self"])["Images"]}
    keys = {row["KeyName"] for row in ec2.describe_key_pairs()["KeyPairs"]}
    roles = client(aws, "iam").get_account_authorization_details(Filter=["Role"], MaxItems=1000)["RoleDetailList"]
    profiles = {profile["Arn"] for role in roles for profile in role["InstanceProfileList"]}

    for reservation in ec2.describe_instances()["Reservations"]:
        (row,) = reservation["Instances"]
        assert subnets[row["SubnetId"]] == row["VpcId"]
        assert {groups[group["GroupId"]] for group in row["SecurityGroups"]} == {row["VpcId"]}
        for mapping in row["BlockDeviceMappings"]:
            (attachment,) = volumes[mapping["Ebs"]["VolumeId"]]["Attachments"]
            assert attachment["InstanceId"] == row["InstanceId"]
        for attached in row["NetworkInterfaces"]:
            interface = interfaces[attached["NetworkInterfaceId"]]
            assert interface["Attachment"]["InstanceId"] == row["InstanceId"]
            assert interface["PrivateIpAddress"] == row["PrivateIpAddress"]
            assert interface.get("Association", {}).get("PublicIp") == row.get("PublicIpAddress")
        assert row["ImageId"] in images
        assert row["KeyName"] in keys
        assert row["IamInstanceProfile"]["Arn"] in profiles


def test_no_two_interfaces_of_a_vpc_share_an_address(aws: Canned) -> None:
    for region in REGIONS:
        found = rows(aws, "ec2", "describe_network_interfaces", "NetworkInterfaces", region, size=200)
        assert len({(row["VpcId"], row["PrivateIpAddress"]) for row in found}) == len(found)


def test_volumes_databases_and_networks_refer_only_to_existing_resources(aws: Canned) -> None:
    ec2 = client(aws, "ec2")
    keys = {row["KeyArn"] for row in client(aws, "kms").list_keys()["Keys"]}
    volumes = ec2.describe_volumes()["Volumes"]
    snapshots = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    vpcs = {row["VpcId"] for row in ec2.describe_vpcs()["Vpcs"]}
    subnets = {row["SubnetId"] for row in ec2.describe_subnets()["Subnets"]}
    nats = {row["NatGatewayId"] for row in ec2.describe_nat_gateways()["NatGateways"]}
    gateways = {row["InternetGatewayId"] for row in ec2.describe_internet_gateways()["InternetGateways"]}
    databases = client(aws, "rds").describe_db_instances()["DBInstances"]

    assert {row["KmsKeyId"] for row in (*volumes, *snapshots, *databases) if "KmsKeyId" in row} <= keys
    assert {row["SnapshotId"] for row in volumes} <= {row["SnapshotId"] for row in snapshots}
    assert {row["VolumeId"] for row in snapshots} <= {"vol-ffffffff", *(row["VolumeId"] for row in volumes)}
    lists = ec2.describe_network_acls()["NetworkAcls"]
    covered = [association["SubnetId"] for row in lists for association in row["Associations"]]
    assert sorted(covered) == sorted(subnets)
    tables = ec2.describe_route_tables()["RouteTables"]
    assert {row["VpcId"] for row in tables if any(one["Main"] for one in row["Associations"])} == vpcs
    routes = [route for row in tables for route in row["Routes"]]
    assert {route["NatGatewayId"] for route in routes if "NatGatewayId" in route} <= nats
    assert {route["GatewayId"] for route in routes if "GatewayId" in route} <= {*gateways, "local"}


def test_functions_targets_topics_and_flow_logs_refer_only_to_existing_resources(aws: Canned) -> None:
    page = client(aws, "iam").get_account_authorization_details(Filter=["Role"], MaxItems=1000)
    roles = {role["Arn"] for role in page["RoleDetailList"]}
    functions = rows(aws, "lambda", "list_functions", "Functions")
    assert {function["Role"] for function in functions} <= roles
    balancers = {row["LoadBalancerArn"] for row in rows(aws, "elbv2", "describe_load_balancers", "LoadBalancers")}
    instances = {row["Instances"][0]["InstanceId"] for row in rows(aws, "ec2", "describe_instances", "Reservations")}
    targets = {*instances, *(function["FunctionArn"] for function in functions)}
    elbv2 = client(aws, "elbv2")
    for group in rows(aws, "elbv2", "describe_target_groups", "TargetGroups"):
        assert set(group["LoadBalancerArns"]) <= balancers
        health = elbv2.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
        assert health
        assert group["TargetType"] == "ip" or {row["Target"]["Id"] for row in health} <= targets
    topics = {row["TopicArn"] for row in rows(aws, "sns", "list_topics", "Topics", size=None)}
    assert {row["TopicArn"] for row in rows(aws, "sns", "list_subscriptions", "Subscriptions", size=None)} <= topics
    alarms = rows(aws, "cloudwatch", "describe_alarms", "MetricAlarms")
    assert {action for alarm in alarms for action in alarm["AlarmActions"]} <= topics
    groups = {row["logGroupArn"] for row in rows(aws, "logs", "describe_log_groups", "logGroups")}
    flows = client(aws, "ec2").describe_flow_logs()["FlowLogs"]
    assert {row["LogDestination"] for row in flows if row["LogDestinationType"] == "cloud-watch-logs"} <= groups


def first(aws: Canned, kind: str) -> Any:
    """The first resource of a type in the first region."""
    service, operation, items, *_ = LISTS[kind]
    value: Any = getattr(client(aws, service), operation)()
    for step in items.split("."):
        value = value[step]
    return value[0]


DETAILS: list[tuple[str, str, str, Callable[[Any], Row]]] = [
    ("aws_acm_certificate", "acm", "describe_certificate", lambda row: {"CertificateArn": row["CertificateArn"]}),
    ("aws_acm_certificate", "acm", "list_tags_for_certificate", lambda row: {"CertificateArn": row["CertificateArn"]}),
    ("aws_ami", "ec2", "describe_images", lambda row: {"ImageIds": [row["ImageId"]]}),
    (
        "aws_ami",
        "ec2",
        "describe_image_attribute",
        lambda r: {"ImageId": r["ImageId"], "Attribute": "launchPermission"},
    ),
    ("aws_cloudfront_distribution", "cloudfront", "get_distribution_config", lambda row: {"Id": row["Id"]}),
    ("aws_cloudfront_distribution", "cloudfront", "list_tags_for_resource", lambda row: {"Resource": row["ARN"]}),
    ("aws_cloudwatch_log_group", "logs", "list_tags_for_resource", lambda row: {"resourceArn": row["logGroupArn"]}),
    ("aws_cloudwatch_log_group", "logs", "describe_metric_filters", lambda row: {"logGroupName": row["logGroupName"]}),
    (
        "aws_cloudwatch_metric_alarm",
        "cloudwatch",
        "list_tags_for_resource",
        lambda row: {"ResourceARN": row["AlarmArn"]},
    ),
    (
        "aws_db_cluster_snapshot",
        "rds",
        "describe_db_cluster_snapshot_attributes",
        lambda row: {"DBClusterSnapshotIdentifier": row["DBClusterSnapshotIdentifier"]},
    ),
    (
        "aws_db_snapshot",
        "rds",
        "describe_db_snapshot_attributes",
        lambda row: {"DBSnapshotIdentifier": row["DBSnapshotIdentifier"]},
    ),
    (
        "aws_ebs_snapshot",
        "ec2",
        "describe_snapshot_attribute",
        lambda row: {"SnapshotId": row["SnapshotId"], "Attribute": "createVolumePermission"},
    ),
    ("aws_ecr_repository", "ecr", "get_lifecycle_policy", lambda row: {"repositoryName": row["repositoryName"]}),
    ("aws_ecr_repository", "ecr", "get_repository_policy", lambda row: {"repositoryName": row["repositoryName"]}),
    ("aws_ecr_repository", "ecr", "list_tags_for_resource", lambda row: {"resourceArn": row["repositoryArn"]}),
    ("aws_ecs_cluster", "ecs", "describe_clusters", lambda arn: {"clusters": [arn], "include": ["TAGS"]}),
    ("aws_ecs_task_definition", "ecs", "describe_task_definition", lambda arn: {"taskDefinition": arn}),
    ("aws_elb", "elb", "describe_load_balancer_attributes", lambda r: {"LoadBalancerName": r["LoadBalancerName"]}),
    ("aws_elb", "elb", "describe_tags", lambda row: {"LoadBalancerNames": [row["LoadBalancerName"]]}),
    ("aws_iam_saml_provider", "iam", "get_saml_provider", lambda row: {"SAMLProviderArn": row["Arn"]}),
    ("aws_kms_key", "kms", "describe_key", lambda row: {"KeyId": row["KeyId"]}),
    ("aws_kms_key", "kms", "get_key_policy", lambda row: {"KeyId": row["KeyArn"], "PolicyName": "default"}),
    ("aws_kms_key", "kms", "get_key_rotation_status", lambda row: {"KeyId": row["KeyId"]}),
    ("aws_kms_key", "kms", "list_resource_tags", lambda row: {"KeyId": row["KeyId"]}),
    ("aws_lambda_function", "lambda", "get_function", lambda row: {"FunctionName": row["FunctionName"]}),
    ("aws_lambda_function", "lambda", "get_policy", lambda row: {"FunctionName": row["FunctionArn"]}),
    ("aws_lambda_function", "lambda", "list_tags", lambda row: {"Resource": row["FunctionArn"]}),
    (
        "aws_lb_target_group",
        "elbv2",
        "describe_target_group_attributes",
        lambda row: {"TargetGroupArn": row["TargetGroupArn"]},
    ),
    ("aws_lb_target_group", "elbv2", "describe_tags", lambda row: {"ResourceArns": [row["TargetGroupArn"]]}),
    ("aws_route53_domain", "route53domains", "get_domain_detail", lambda row: {"DomainName": row["DomainName"]}),
    ("aws_route53_domain", "route53domains", "list_tags_for_domain", lambda row: {"DomainName": row["DomainName"]}),
    ("aws_route53_zone", "route53", "get_hosted_zone", lambda row: {"Id": row["Id"]}),
    (
        "aws_route53_zone",
        "route53",
        "list_tags_for_resources",
        lambda row: {"ResourceType": "hostedzone", "ResourceIds": [row["Id"].removeprefix("/hostedzone/")]},
    ),
    ("aws_sns_subscription", "sns", "get_subscription_attributes", lambda r: {"SubscriptionArn": r["SubscriptionArn"]}),
    ("aws_sns_topic", "sns", "get_topic_attributes", lambda row: {"TopicArn": row["TopicArn"]}),
    ("aws_sns_topic", "sns", "list_tags_for_resource", lambda row: {"ResourceArn": row["TopicArn"]}),
    ("aws_sqs_queue", "sqs", "get_queue_attributes", lambda url: {"QueueUrl": url, "AttributeNames": ["All"]}),
    ("aws_sqs_queue", "sqs", "list_queue_tags", lambda url: {"QueueUrl": url}),
    ("aws_vpc", "ec2", "describe_vpc_attribute", lambda r: {"VpcId": r["VpcId"], "Attribute": "enableDnsSupport"}),
]


@pytest.mark.parametrize(("kind", "service", "operation", "params"), DETAILS, ids=lambda value: str(value)[:40])
def test_the_details_of_a_listed_resource_are_returned(
    aws: Canned, kind: str, service: str, operation: str, params: Callable[[Any], Row]
) -> None:
    answer = getattr(client(aws, service), operation)(**params(first(aws, kind)))

    assert any(value for key, value in answer.items() if key not in {"ResponseMetadata", "IsTruncated", "Truncated"})


def test_a_resource_of_another_region_is_not_found(aws: Canned) -> None:
    (instance,) = client(aws, "ec2", REGIONS[1]).describe_instances(MaxResults=5)["Reservations"][0]["Instances"]

    with pytest.raises(ClientError, match=r"InvalidInstanceID\.NotFound"):
        client(aws, "ec2").describe_instances(InstanceIds=[instance["InstanceId"]])


def test_the_settings_of_the_account_are_returned(aws: Canned) -> None:
    iam = client(aws, "iam")

    assert {row["RegionName"] for row in client(aws, "ec2").describe_regions()["Regions"]} == set(REGIONS)
    assert iam.list_account_aliases()["AccountAliases"] == ["canned-000000000001"]
    assert iam.get_account_summary()["SummaryMap"]["Roles"] == EXPECTED["aws_iam_role"]
    assert iam.get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"] == 14
    block = client(aws, "s3control").get_public_access_block(AccountId="000000000001")
    assert block["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client(aws, "account").get_alternate_contact(AlternateContactType="BILLING")


def test_two_accounts_have_equally_many_but_different_resources(aws: Canned) -> None:
    one, two = (
        {row["VolumeId"] for row in client(aws, "ec2", account=account).describe_volumes()["Volumes"]}
        for account in aws.accounts
    )

    assert len(one) == len(two)
    assert not one & two


def test_an_assumed_role_acts_in_its_account(aws: Canned) -> None:
    other = aws.accounts[1]
    sts = client(aws, "sts")
    params = {"RoleArn": f"arn:aws:iam::{other}:role/reader", "RoleSessionName": "bench", "ExternalId": "canned"}
    credentials = sts.assume_role(**params)["Credentials"]
    session = boto3.Session(
        credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"], region_name=HERE
    )
    with_role = session.client("sts", endpoint_url=aws.url, config=CONFIG)

    identity = with_role.get_caller_identity()
    with_role.close()

    assert sts.get_caller_identity()["Account"] == aws.accounts[0]
    assert identity["Account"] == other
    assert ":assumed-role/" in identity["Arn"]


def test_only_the_management_account_lists_the_accounts(aws: Canned) -> None:
    assert [row["Id"] for row in rows(aws, "organizations", "list_accounts", "Accounts", size=1)] == [*aws.accounts]
    member = client(aws, "organizations", account=aws.accounts[1])
    assert member.describe_organization()["Organization"]["MasterAccountId"] == aws.accounts[0]
    with pytest.raises(ClientError, match="AccessDeniedException"):
        member.list_accounts()


def test_a_token_is_valid_only_for_its_operation(aws: Canned) -> None:
    ec2 = client(aws, "ec2")
    token = ec2.describe_volumes(MaxResults=5)["NextToken"]

    for params in ({"NextToken": token}, {"NextToken": "none"}):
        with pytest.raises(ClientError, match="InvalidNextToken"):
            ec2.describe_snapshots(OwnerIds=["self"], **params)


def test_a_page_size_above_the_limit_of_aws_is_rejected(aws: Canned) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        client(aws, "ec2").describe_route_tables(MaxResults=1000)


@pytest.mark.parametrize(
    ("service", "operation", "params", "items"),
    [
        # Services whose signing name differs from their name or is shared, and one of each other protocol.
        ("accessanalyzer", "list_analyzers", {}, "analyzers"),
        ("apigateway", "get_rest_apis", {}, "items"),
        ("apigatewayv2", "get_apis", {}, "Items"),
        ("cloudhsmv2", "describe_clusters", {}, "Clusters"),
        ("config", "describe_config_rules", {}, "ConfigRules"),
        ("efs", "describe_file_systems", {}, "FileSystems"),
        ("opensearch", "list_domain_names", {}, "DomainNames"),
        ("redshift", "describe_clusters", {}, "Clusters"),
        ("waf-regional", "list_web_acls", {}, "WebACLs"),
        ("wafv2", "list_web_acls", {"Scope": "REGIONAL"}, "WebACLs"),
        # A service that the collector does not call, or an operation without answers.
        ("glue", "get_databases", {}, None),
        ("ec2", "describe_hosts", {}, "Hosts"),
        ("ses", "list_identities", {}, None),
        ("polly", "list_lexicons", {}, None),
    ],
)
def test_an_operation_without_answers_returns_empty_lists(
    aws: Canned, service: str, operation: str, params: Row, items: str | None
) -> None:
    answer = getattr(client(aws, service), operation)(**params)

    assert items is None or answer[items] == []


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("ec2", "describe_vpcs", {}),
        ("iam", "list_users", {}),
        ("rds", "describe_db_instances", {}),
        ("s3", "list_buckets", {}),
        ("s3control", "get_public_access_block", {"AccountId": "000000000001"}),
        ("route53", "list_hosted_zones", {}),
        ("cloudfront", "list_distributions", {}),
        ("ecs", "list_clusters", {}),
        ("logs", "describe_log_groups", {}),
        ("sqs", "list_queues", {}),
        ("lambda", "list_functions", {}),
        ("eks", "list_clusters", {}),
        ("organizations", "list_accounts", {}),
    ],
)
def test_botocore_recognises_a_throttle(controlled: Canned, service: str, operation: str, params: Row) -> None:
    controlled.control(throttle=f"{service}:*", rate=0, burst=1)
    call = getattr(client(controlled, service), operation)
    call(**params)

    with pytest.raises(ClientError) as caught:
        call(**params)

    context = RetryContext(1, parsed_response=caught.value.response)
    assert ThrottledRetryableChecker().is_retryable(context)
    assert sum(controlled.stats()["throttles"].values()) == 1


def test_token_buckets_can_be_separate_by_region_account_and_operation(controlled: Canned) -> None:
    controlled.control(throttle="ec2:*", rate=0, burst=1, apart=1)

    for region in REGIONS[:2]:
        for account in controlled.accounts:
            ec2 = client(controlled, "ec2", region, account)
            ec2.describe_vpcs()
            ec2.describe_subnets()
            with pytest.raises(ClientError, match="RequestLimitExceeded"):
                ec2.describe_vpcs()


def test_failures_have_the_requested_rate_and_are_reproducible(controlled: Canned) -> None:
    def status() -> int:
        try:
            answer = client(controlled, "ec2").describe_vpcs()
        except ClientError as error:
            answer = error.response
        return int(answer["ResponseMetadata"]["HTTPStatusCode"])

    def run() -> list[int]:
        controlled.control(errors=0.5, pattern="ec2:DescribeVpcs", seed=11)
        return [status() for _ in range(20)]

    first_run = run()

    assert set(first_run) == {200, 500}
    assert run() == first_run
    assert client(controlled, "ec2").describe_subnets()["Subnets"]


def test_statistics_count_calls_by_operation_until_reset(controlled: Canned) -> None:
    for _ in range(3):
        client(controlled, "ec2").describe_vpcs()

    figures = controlled.stats()

    assert figures["calls"] == {"ec2:DescribeVpcs": 3}
    assert figures["requests"] == 3
    assert figures["cpu"] > 0
    assert controlled.control(reset=1)["requests"] == 0


def test_a_delayed_answer_does_not_block_others(controlled: Canned) -> None:
    controlled.control(delay=3600, reset=1)
    host, port = controlled.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as waiting:
        waiting.sendall(b"GET / HTTP/1.1\r\nHost: canned\r\n\r\n")
        while not (figures := controlled.stats())["requests"]:
            pass
        waiting.setblocking(False)

        assert figures["requests"] == 1
        with pytest.raises(BlockingIOError):
            waiting.recv(1)


def test_an_unknown_control_is_rejected(aws: Canned) -> None:
    with pytest.raises(OSError, match="400"):
        aws.control(dealy=1)


def test_the_named_profiles_have_the_documented_sizes() -> None:
    totals = {name: sum(resources(name).values()) for name in ("100k", "1m")}
    cloudbeat = resources("cloudbeat")

    assert totals == {"100k": 100_000, "1m": 1_000_000}
    assert {kind: cloudbeat[kind] for kind in ("aws_instance", "aws_ebs_volume", "aws_iam_role")} == {
        "aws_instance": 12_906,
        "aws_ebs_volume": 13_433,
        "aws_iam_role": 723,
    }
    assert (cloudbeat["aws_security_group"], cloudbeat["aws_s3_bucket"]) == (398, 391)


def test_a_count_implies_the_resources_that_it_refers_to() -> None:
    found = resources("empty", aws_instance=30)

    assert found["aws_instance"] == 30
    assert found["aws_ebs_volume"] == 30
    assert {"aws_subnet", "aws_vpc", "aws_security_group", "aws_iam_role"} <= found.keys()


def test_an_unknown_type_is_rejected() -> None:
    with pytest.raises(ValueError, match="aws_instanse"):
        resources("small", aws_instanse=1)


def test_a_profile_can_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"accounts": 3, "regions": {"eu-north-1": 1}, "counts": {"aws_sqs_queue": 5}}')

    assert resources(str(path))["aws_sqs_queue"] == 15


def test_the_server_stops_on_sigterm() -> None:
    # That it stops when its input closes is what every use of canned_server() proves: it raises otherwise.
    command = [sys.executable, "-m", "bench.canned", "--profile", "empty"]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b'{"url": "http://127.0.0.1:')
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
