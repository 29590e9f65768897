"""The seeded estate, read back through boto3 with at least one call for each group of services."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from botocore.exceptions import ClientError

from collector.demo.estate.cloud import Cloud
from collector.demo.places import ENABLED_REGIONS, HOME, PARTNER, SECOND_REGION
from collector.demo.server import estate_server

SECRET = "s3cr3t-"


@pytest.fixture(scope="module")
def ids(running_estate):
    return running_estate.ids


@pytest.fixture(scope="module")
def read(cloud):
    def read(service, operation, region="us-east-1", **params):
        client = cloud.client(service, region)
        if client.can_paginate(operation):
            return client.get_paginator(operation).paginate(**params).build_full_result()
        return getattr(client, operation)(**params)

    return read


@pytest.fixture(scope="module")
def identities(read):
    return read("iam", "get_account_authorization_details")


def only(items: list[Any]) -> Any:
    (item,) = items
    return item


def named(items: list[Any], field: str, value: object) -> Any:
    return only([item for item in items if item[field] == value])


# --- Accounts and regions


def test_disabled_regions_are_returned_only_on_request(read):
    enabled = read("ec2", "describe_regions")["Regions"]
    every = read("ec2", "describe_regions", AllRegions=True)["Regions"]

    assert [region["RegionName"] for region in enabled] == list(ENABLED_REGIONS)
    assert {"me-south-1", "ap-southeast-2"} <= {region["RegionName"] for region in every}
    assert not any(region["RegionName"].startswith(("us-gov-", "cn-")) for region in every)
    assert named(every, "RegionName", "me-south-1")["OptInStatus"] == "not-opted-in"
    disabled = read("account", "list_regions", RegionOptStatusContains=["DISABLED"])["Regions"]
    assert len(disabled) == len(every) - len(enabled)


def test_only_the_management_account_lists_the_accounts(cloud, read, ids):
    accounts = read("organizations", "list_accounts")["Accounts"]

    assert {account["Id"] for account in accounts} == {HOME, ids.member_account}
    for account, code in ((ids.member_account, "AccessDenied"), (PARTNER, "AWSOrganizationsNotInUse")):
        with pytest.raises(ClientError, match=code):
            cloud.of_account(account).client("organizations").list_accounts()


def test_account_has_alias_contact_and_public_access_block(read):
    assert read("iam", "list_account_aliases")["AccountAliases"] == ["acme-prod"]
    assert read("account", "get_alternate_contact", AlternateContactType="SECURITY")["AlternateContact"]
    block = read("s3control", "get_public_access_block", AccountId=HOME)["PublicAccessBlockConfiguration"]
    assert block["BlockPublicAcls"]


# --- Identity


def test_policies_have_names_and_aws_managed_ones_appear_only_if_attached(identities):
    policies = {policy["PolicyName"]: policy for policy in identities["Policies"]}

    assert policies.keys() == {
        "AdministratorAccess",
        "ReadOnlyAccess",
        "SecurityAudit",
        "all-of-s3",
        "no-deletion",
        "read-data",
    }
    assert all(policies[name]["AttachmentCount"] for name in ("AdministratorAccess", "ReadOnlyAccess"))


def test_users_and_groups_have_policies_of_both_kinds(identities, ids):
    user = named(identities["UserDetailList"], "UserName", ids.user)
    group = named(identities["GroupDetailList"], "GroupName", "developers")

    assert user["GroupList"] == ["developers"]
    for holder, inline in ((user, "UserPolicyList"), (group, "GroupPolicyList")):
        assert holder[inline]
        assert holder["AttachedManagedPolicies"]


def test_roles_trust_services_users_roles_accounts_and_providers(identities, ids):
    trusted = set()
    for role in identities["RoleDetailList"]:
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            for kind, value in statement["Principal"].items():
                trusted |= {(kind, one) for one in (value if isinstance(value, list) else [value])}

    assert {
        ("Service", "lambda.amazonaws.com"),
        ("AWS", ids.user_arn),
        ("AWS", ids.roles["web-server"]),
        ("AWS", f"arn:aws:iam::{PARTNER}:root"),
        ("AWS", "arn:aws:iam::999988887777:role/scanner"),
        ("AWS", "arn:aws:iam::999988887777:user/bob"),
        ("Federated", ids.saml_provider),
        ("Federated", ids.oidc_provider),
    } <= trusted


def test_credential_report_begins_with_the_root_user(read):
    _, root, *users = read("iam", "get_credential_report")["Content"].decode().splitlines()

    assert root.startswith(f"<root_account>,arn:aws:iam::{HOME}:root,")
    assert len(users) == 2


def test_virtual_mfa_devices_have_no_seeds(read, ids):
    assert len(read("iam", "list_access_keys", UserName=ids.user)["AccessKeyMetadata"]) == 1
    assert len(read("iam", "list_mfa_devices", UserName=ids.user)["MFADevices"]) == 1
    device = only(read("iam", "list_virtual_mfa_devices")["VirtualMFADevices"])
    assert "Base32StringSeed" not in device


# --- Network


def test_security_groups_are_open_to_the_world_to_a_group_and_to_ranges(read, ids):
    groups = read("ec2", "describe_security_groups")["SecurityGroups"]
    web = named(groups, "GroupId", ids.web_group)["IpPermissions"]
    data = named(groups, "GroupId", ids.data_group)["IpPermissions"]

    assert named(web, "FromPort", 22)["IpRanges"][0]["CidrIp"] == "0.0.0.0/0"
    assert named(data, "FromPort", 5432)["UserIdGroupPairs"][0]["GroupId"] == ids.web_group
    ranges = {one["CidrIp"].rsplit("/")[1] for rule in data for one in rule["IpRanges"]}
    assert ranges == {"32", "16"}


def test_peering_connects_a_vpc_of_the_same_and_one_of_another_account(read, ids):
    peerings = read("ec2", "describe_vpc_peering_connections")["VpcPeeringConnections"]

    assert {peering["Status"]["Code"] for peering in peerings} == {"active"}
    accepters = {(one["AccepterVpcInfo"]["OwnerId"], one["AccepterVpcInfo"]["VpcId"]) for one in peerings}
    assert accepters == {(HOME, ids.second_vpc), (PARTNER, ids.partner_vpc)}


def test_traffic_is_logged_to_a_group_and_a_bucket(read):
    kinds = {log["LogDestinationType"] for log in read("ec2", "describe_flow_logs")["FlowLogs"]}

    assert kinds == {"cloud-watch-logs", "s3"}


def test_addresses_belong_to_the_instance_and_the_nat_gateway(read, ids):
    addresses = read("ec2", "describe_addresses")["Addresses"]
    gateway = only(read("ec2", "describe_nat_gateways")["NatGateways"])

    assert named(addresses, "PublicIp", ids.address)["InstanceId"] == ids.instance
    allocations = {address["AllocationId"] for address in addresses}
    assert gateway["NatGatewayAddresses"][0]["AllocationId"] in allocations


# --- Computing


def test_instance_has_role_volumes_and_tags_that_need_escaping(read, ids):
    answer = read("ec2", "describe_instances", InstanceIds=[ids.instance])
    instance = answer["Reservations"][0]["Instances"][0]
    tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}

    assert instance["IamInstanceProfile"]["Arn"].endswith("/web-server")
    assert len(instance["BlockDeviceMappings"]) == 2
    assert tags["Name"] == "wéb «1» / \"shop\" & 'co'"
    assert tags["Classification"] == "internal"


def test_snapshots_are_filtered_by_owner(read):
    snapshots = read("ec2", "describe_snapshots", OwnerIds=["self"])["Snapshots"]

    assert {snapshot["OwnerId"] for snapshot in snapshots} == {HOME}
    assert read("ec2", "describe_snapshots", OwnerIds=["amazon"])["Snapshots"] == []


def test_function_is_in_the_vpc_of_its_subnet(read, ids):
    functions = read("lambda", "list_functions")["Functions"]
    function = named(functions, "FunctionArn", ids.function)

    assert function["VpcConfig"]["VpcId"] == ids.vpc
    assert read("lambda", "get_function", FunctionName="orders")["Configuration"]["VpcConfig"]["VpcId"] == ids.vpc


def test_batch_job_has_run_in_a_queue_of_a_cluster(read):
    environment = only(read("batch", "describe_compute_environments")["computeEnvironments"])
    queue = only(read("batch", "describe_job_queues")["jobQueues"])
    jobs = read("batch", "list_jobs", jobQueue=queue["jobQueueArn"], jobStatus="SUCCEEDED")

    assert environment["ecsClusterArn"] in read("ecs", "list_clusters")["clusterArns"]
    assert len(jobs["jobSummaryList"]) == 1


def test_tasks_keep_running_however_often_they_are_described(read, ids):
    arns = read("ecs", "list_tasks", cluster=ids.cluster)["taskArns"]

    for _ in range(3):
        tasks = read("ecs", "describe_tasks", cluster=ids.cluster, tasks=arns)["tasks"]
        assert {task["lastStatus"] for task in tasks} == {"RUNNING"}
    assert {task["launchType"] for task in tasks} == {"EC2", "FARGATE"}
    assert {task["group"] for task in tasks} == {"service:web", "family:web"}


def test_kubernetes_cluster_has_its_vpc_and_security_group(read, ids):
    network = read("eks", "describe_cluster", name="shop")["cluster"]["resourcesVpcConfig"]
    group = read("ec2", "describe_security_groups", GroupIds=[network["clusterSecurityGroupId"]])

    assert network["vpcId"] == ids.vpc
    assert group["SecurityGroups"][0]["GroupName"].startswith("eks-cluster-sg-shop")


def test_image_has_been_scanned(read, ids):
    image = only(read("ecr", "describe_images", repositoryName="shop/web")["imageDetails"])
    digest = {"imageDigest": ids.container_image}
    scan = read("ecr", "describe_image_scan_findings", repositoryName="shop/web", imageId=digest)

    assert image["imageScanFindingsSummary"]["findingSeverityCounts"] == {"CRITICAL": 1, "LOW": 1}
    assert len(scan["imageScanFindings"]["findings"]) == 2


# --- Storage


def test_buckets_are_paginated_and_have_their_regions(read):
    pages = read("s3", "list_buckets", PaginationConfig={"PageSize": 3})["Buckets"]

    assert {bucket["Name"]: bucket["BucketRegion"] for bucket in pages} == {
        "acme-data": "us-east-1",
        "acme-logs": "us-east-1",
        "acme-public-site": "us-east-1",
        "acme.backups.eu": SECOND_REGION,
    }


def test_one_bucket_is_public_and_one_encrypted(read, ids):
    status = read("s3", "get_bucket_policy_status", Bucket="acme-public-site")["PolicyStatus"]
    rules = read("s3", "get_bucket_encryption", Bucket="acme-data")["ServerSideEncryptionConfiguration"]["Rules"]

    assert status["IsPublic"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == ids.key


def test_databases_have_members_and_snapshots(read):
    cluster = only(read("rds", "describe_db_clusters")["DBClusters"])

    assert cluster["DBClusterMembers"][0]["DBInstanceIdentifier"] == "reports-1"
    assert read("rds", "describe_db_snapshots", DBSnapshotIdentifier="orders-before-change")["DBSnapshots"]
    assert read("rds", "describe_db_cluster_snapshots")["DBClusterSnapshots"]


def test_table_is_encrypted_with_the_key(read, ids):
    table = read("dynamodb", "describe_table", TableName="orders")["Table"]

    assert table["SSEDescription"]["KMSMasterKeyArn"] == ids.key


def test_cache_clusters_have_security_groups_nodes_and_replication_groups(read, ids):
    clusters = read("elasticache", "describe_cache_clusters", ShowCacheNodeInfo=True)["CacheClusters"]
    group = only(read("elasticache", "describe_replication_groups")["ReplicationGroups"])

    assert len(named(clusters, "CacheClusterId", "pages")["CacheNodes"]) == 2
    assert all(one["SecurityGroups"][0]["SecurityGroupId"] == ids.data_group for one in clusters)
    members = [one["CacheClusterId"] for one in clusters if one.get("ReplicationGroupId") == "sessions"]
    assert members == group["MemberClusters"]


def test_search_warehouse_and_hsm_are_in_the_vpc(read, ids):
    domain = only(read("opensearch", "describe_domains", DomainNames=["catalogue"])["DomainStatusList"])
    warehouse = only(read("redshift", "describe_clusters")["Clusters"])
    vault = only(read("cloudhsmv2", "describe_clusters")["Clusters"])

    assert only(read("opensearch", "list_domain_names")["DomainNames"])["EngineType"] == "Elasticsearch"
    assert {domain["VPCOptions"]["VPCId"], warehouse["VpcId"], vault["VpcId"]} == {ids.vpc}
    assert read("ec2", "describe_security_groups", GroupIds=[vault["SecurityGroup"]])["SecurityGroups"]


def test_file_system_has_a_mount_target(read, ids):
    target = only(read("efs", "describe_mount_targets", FileSystemId=ids.file_system)["MountTargets"])

    assert target["SubnetId"] == ids.subnet


# --- Delivery


def test_load_balancer_arns_contain_the_type(read, ids):
    balancers = read("elbv2", "describe_load_balancers")["LoadBalancers"]
    network = named(balancers, "Type", "network")
    listener = only(read("elbv2", "describe_listeners", LoadBalancerArn=ids.network_load_balancer)["Listeners"])
    tags = read("elbv2", "describe_tags", ResourceArns=[ids.network_load_balancer])["TagDescriptions"]

    assert ":loadbalancer/net/shop-tcp/" in network["LoadBalancerArn"]
    assert ":listener/net/shop-tcp/" in listener["ListenerArn"]
    assert network["Scheme"] == "internal"
    assert only(tags)["Tags"]


def test_targets_are_instances_functions_and_addresses(read, ids):
    targets = set()
    for group in read("elbv2", "describe_target_groups")["TargetGroups"]:
        health = read("elbv2", "describe_target_health", TargetGroupArn=group["TargetGroupArn"])
        targets |= {one["Target"]["Id"] for one in health["TargetHealthDescriptions"]}

    assert targets == {ids.instance, ids.function, ids.spare_ip, ids.instance_ip}
    classic = only(read("elb", "describe_load_balancers")["LoadBalancerDescriptions"])
    assert classic["Instances"] == [{"InstanceId": ids.instance}]


def test_certificate_is_used_by_the_load_balancer(read, ids):
    certificate = read("acm", "describe_certificate", CertificateArn=ids.certificate)["Certificate"]

    assert certificate["Status"] == "ISSUED"
    assert certificate["InUseBy"] == [ids.load_balancer]


def test_distribution_keeps_edge_function_and_origins(read, ids):
    distributions = read("cloudfront", "list_distributions")["DistributionList"]["Items"]
    site = named(distributions, "Id", ids.distribution)
    associations = site["DefaultCacheBehavior"]["LambdaFunctionAssociations"]["Items"]

    assert associations[0]["LambdaFunctionARN"] == ids.edge_function
    assert ["S3OriginConfig" in origin for origin in site["Origins"]["Items"]] == [True, False]
    classic = {acl["WebACLId"] for acl in read("waf", "list_web_acls")["WebACLs"]}
    assert named(distributions, "Id", ids.legacy_distribution)["WebACLId"] in classic


def test_apis_invoke_the_function(read, ids):
    (resource,) = read("apigateway", "get_resources", restApiId=ids.rest_api, embed=["methods"])["items"]
    api = only(read("apigatewayv2", "get_apis")["Items"])["ApiId"]
    authorizer = only(read("apigatewayv2", "get_authorizers", ApiId=api)["Items"])
    routes = read("apigatewayv2", "get_routes", ApiId=api)["Items"]

    assert ids.function in resource["resourceMethods"]["GET"]["methodIntegration"]["uri"]
    assert ids.function in authorizer["AuthorizerUri"]
    assert authorizer["AuthorizerId"] in {route.get("AuthorizerId") for route in routes}


def test_web_acl_protects_the_load_balancer_and_global_ones_are_in_one_region(read, ids):
    protected = read("wafv2", "list_resources_for_web_acl", WebACLArn=ids.regional_acl)

    assert protected["ResourceArns"] == [ids.load_balancer]
    assert len(read("wafv2", "list_web_acls", Scope="CLOUDFRONT")["WebACLs"]) == 1
    with pytest.raises(ClientError, match="WAFInvalidParameter"):
        read("wafv2", "list_web_acls", SECOND_REGION, Scope="CLOUDFRONT")


def test_records_point_to_other_resources(read, ids):
    zones = read("route53", "list_hosted_zones")["HostedZones"]
    zone = named(zones, "Name", "example.com.")["Id"]
    records = {
        record["Name"]: record
        for record in read("route53", "list_resource_record_sets", HostedZoneId=zone)["ResourceRecordSets"]
    }

    assert ids.load_balancer_host in records["shop.example.com."]["AliasTarget"]["DNSName"]
    assert ids.distribution_host in records["www.example.com."]["AliasTarget"]["DNSName"]
    assert records["database.example.com."]["ResourceRecords"][0]["Value"] == ids.database_host
    assert records["ssh.example.com."]["ResourceRecords"][0]["Value"] == ids.address
    assert r"\052.wild.example.com." in records
    assert read("route53domains", "list_domains")["Domains"][0]["DomainName"] == "example.com"
    assert read("route53domains", "list_tags_for_domain", DomainName="example.com")["TagList"]


# --- Operation and security


def test_trail_logs_management_events(read):
    trail = only(read("cloudtrail", "describe_trails", includeShadowTrails=False)["trailList"])
    selectors = read("cloudtrail", "get_event_selectors", TrailName=trail["TrailARN"])

    assert trail["S3BucketName"] == "acme-logs"
    assert selectors["EventSelectors"][0]["IncludeManagementEvents"]


def test_log_group_alarm_and_schedule_exist(read, ids):
    groups = read("logs", "describe_log_groups")["logGroups"]
    targets = read("events", "list_targets_by_rule", Rule="every-five-minutes")["Targets"]

    assert named(groups, "logGroupName", "/shop/network")["metricFilterCount"] == 1
    assert only(targets)["Arn"] == ids.function
    assert only(read("cloudwatch", "describe_alarms")["MetricAlarms"])["MetricName"] == "Rejected"


def test_rules_evaluate_the_account_and_resources(read, ids):
    compliance = read("config", "describe_compliance_by_config_rule")["ComplianceByConfigRules"]
    evaluated = set()
    for rule in compliance:
        details = read("config", "get_compliance_details_by_config_rule", ConfigRuleName=rule["ConfigRuleName"])
        for result in details["EvaluationResults"]:
            qualifier = result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]
            evaluated.add((qualifier["ResourceType"], qualifier["ResourceId"]))

    assert {
        ("AWS::::Account", HOME),
        ("AWS::EC2::Instance", ids.instance),
        ("AWS::S3::Bucket", "acme-data"),
    } < evaluated


def test_subscription_by_mail_waits_for_confirmation(read):
    subscriptions = read("sns", "list_subscriptions")["Subscriptions"]

    assert named(subscriptions, "Protocol", "email")["SubscriptionArn"] == "PendingConfirmation"
    assert len(read("sqs", "list_queues")["QueueUrls"]) == 3


def test_guardduty_has_a_finding_on_the_instance(read, ids):
    found = read("guardduty", "list_findings", DetectorId=ids.detector, PaginationConfig={"PageSize": 1})
    findings = read("guardduty", "get_findings", DetectorId=ids.detector, FindingIds=found["FindingIds"])["Findings"]

    assert named(findings, "Id", "attack")["Resource"]["InstanceDetails"]["InstanceId"] == ids.instance


def test_access_analyzer_has_findings_of_both_analyzers(read):
    external, unused = (analyzer["arn"] for analyzer in read("accessanalyzer", "list_analyzers")["analyzers"])

    assert any(one["isPublic"] for one in read("accessanalyzer", "list_findings", analyzerArn=external)["findings"])
    assert read("accessanalyzer", "list_findings_v2", analyzerArn=unused)["findings"]
    with pytest.raises(ClientError, match="ValidationException"):
        read("accessanalyzer", "list_findings", analyzerArn=unused)


def test_both_generations_of_inspector_have_a_finding_on_the_instance(read, ids):
    runs = read("inspector", "list_assessment_runs")["assessmentRunArns"]
    arns = read("inspector", "list_findings", assessmentRunArns=runs)["findingArns"]
    classic = read("inspector", "describe_findings", findingArns=arns)["findings"]
    recent = read("inspector2", "list_findings")["findings"]

    assert only(classic)["assetAttributes"]["agentId"] == ids.instance
    assert only(recent)["resources"][0]["id"] == ids.instance
    status = only(read("inspector2", "batch_get_account_status")["accounts"])
    assert status["resourceState"]["ec2"]["status"] == "ENABLED"


def test_transfer_users_have_home_directories_in_buckets(read, ids):
    users = read("transfer", "list_users", ServerId=ids.server)["Users"]

    assert {user["UserName"] for user in users} == {"supplier", "auditor"}
    described = read("transfer", "describe_user", ServerId=ids.server, UserName="supplier")["User"]
    assert described["HomeDirectory"] == "/acme-data/in"


def test_workspace_has_bundle_and_subnet(read, ids):
    workspace = only(read("workspaces", "describe_workspaces")["Workspaces"])
    bundle = only(read("workspaces", "describe_workspace_bundles")["Bundles"])

    assert workspace["SubnetId"] == ids.subnet
    assert workspace["BundleId"] == bundle["BundleId"]


# --- Secrets, other regions and accounts


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("lambda", "list_functions", {}),
        ("ecs", "describe_task_definition", {"taskDefinition": "web"}),
        ("batch", "describe_job_definitions", {}),
    ],
)
def test_responses_contain_secrets(read, service, operation, params):
    assert SECRET in str(read(service, operation, **params))


def test_noecho_parameter_of_a_stack_is_masked(read):
    parameters = only(read("cloudformation", "describe_stacks")["Stacks"])["Parameters"]

    assert named(parameters, "ParameterKey", "Token")["ParameterValue"] == "****"
    assert SECRET not in str(parameters)


def test_second_region_has_few_resources_and_no_findings(read):
    assert read("ec2", "describe_instances", SECOND_REGION)["Reservations"]
    assert read("sqs", "list_queues", SECOND_REGION)["QueueUrls"]
    assert read("logs", "describe_log_groups", SECOND_REGION)["logGroups"]
    assert read("accessanalyzer", "list_analyzers", SECOND_REGION)["analyzers"] == []
    assert read("inspector2", "list_findings", SECOND_REGION)["findings"] == []


def test_other_accounts_have_no_fixtures(cloud):
    partner = cloud.of_account(PARTNER)

    assert partner.client("waf").list_web_acls()["WebACLs"] == []
    assert partner.client("config").describe_compliance_by_config_rule()["ComplianceByConfigRules"] == []
    partner.close()


@pytest.mark.usefixtures("running_estate")
def test_a_process_serves_one_estate_at_a_time():
    with pytest.raises(RuntimeError, match="already"), estate_server(seeded=False):
        pass


def test_process_prints_its_url_and_exits_when_its_input_closes():
    # Not seeded: tests/cli runs `collector demo` against a seeded process.
    with subprocess.Popen(
        [sys.executable, "-c", "from collector.demo.server import main; main(seeded=False)"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        cloud = Cloud(json.loads(process.stdout.readline())["url"])
        assert cloud.client("sts").get_caller_identity()["Account"] == HOME
        cloud.close()
        rest, errors = process.communicate()

    assert (process.returncode, rest, errors) == (0, b"", b"")
