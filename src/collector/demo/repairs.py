"""Patches that correct moto's responses where they differ from AWS's in ways that would mislead.

They apply to every account and region and do not depend on the estate. Operations that moto lacks are in
``collector.demo.stand_ins``, responses specific to the estate in ``collector.demo.fixtures``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moto.moto_api._internal import mock_random
from moto.organizations.models import organizations_backends

from collector.demo.backends import backend, group_named, network_of
from collector.demo.places import REGION
from collector.demo.stub import Key, Patch, StubError

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.demo.wire import Request, Value


def _each(member: str, repair: Callable[[Value, Request], None]) -> Patch:
    """A patch that repairs a member of the response: every item of a list, or one structure."""

    def patch(answer: Value, request: Request) -> Value:
        found = answer.get(member, [])
        for item in found if isinstance(found, list) else [found]:
            repair(item, request)
        return answer

    return patch


def _own_snapshots(answer: Value, request: Request) -> Value:
    """Moto ignores the parameter `OwnerIds`."""
    owners = [request.account if owner == "self" else owner for owner in request.params.get("OwnerIds", [])]
    answer["Snapshots"] = [one for one in answer["Snapshots"] if not owners or one["OwnerId"] in owners]
    return answer


def _list_accounts_as_management_account(answer: Value, request: Request) -> Value:
    """Moto returns an empty list to member accounts and outside of an organization, where AWS returns an error."""
    if answer["Accounts"]:
        return answer
    if request.account in organizations_backends.master_accounts:
        raise StubError(400, "AccessDeniedException", "You don't have permissions to access this resource.")
    raise StubError(400, "AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")


def _global_acls_in_one_region(answer: Value, request: Request) -> Value:
    """Moto returns CloudFront's web ACLs in every region."""
    if request.params["Scope"] == "CLOUDFRONT" and request.region != REGION:
        reason = "field: SCOPE_VALUE, parameter: CLOUDFRONT"
        raise StubError(400, "WAFInvalidParameterException", f"The scope is not valid., {reason}")
    return answer


def _default_selector(answer: Value, _request: Request) -> Value:
    """A trail without event selectors records management events; moto reports that it records none."""
    if not answer.get("AdvancedEventSelectors"):
        default = {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []}
        answer["EventSelectors"] = answer.get("EventSelectors") or [default]
    return answer


def _root_in_report(answer: Value, request: Request) -> Value:
    """Moto's credential report lacks the row of the root user."""
    header, _, users = answer["Content"].decode().partition("\n")
    facts = {
        "user": "<root_account>",
        "arn": f"arn:aws:iam::{request.account}:root",
        "user_creation_time": "2020-01-01T00:00:00+00:00",
        "password_enabled": "not_supported",
        "password_last_used": "2026-01-01T00:00:00+00:00",
        "password_last_changed": "not_supported",
        "password_next_rotation": "not_supported",
    }
    flags = dict.fromkeys(["mfa_active", "access_key_1_active", "access_key_2_active"], "false")
    root = ",".join({**facts, **flags}.get(column, "N/A") for column in header.split(","))
    answer["Content"] = f"{header}\n{root}\n{users}".encode()
    return answer


def _repair_policy(policy: Value, request: Request) -> None:
    """Moto leaves out the names of managed policies."""
    policy["PolicyName"] = policy["Arn"].rsplit("/", 1)[1]
    policy["PolicyId"] = backend(request, "iam", "aws").managed_policies[policy["Arn"]].id


def _repair_user(user: Value, request: Request) -> None:
    """Moto never returns the last use of a password."""
    if backend(request, "iam", "aws").users[user["UserName"]].password:
        user.setdefault("PasswordLastUsed", "2026-01-02T03:04:05Z")


def _repair_device(device: Value, _request: Request) -> None:
    """AWS returns the seed of a virtual MFA device only at creation; moto returns it always."""
    device.pop("Base32StringSeed", None)
    device.pop("QRCodePNG", None)


def _repair_certificate(certificate: Value, _request: Request) -> None:
    """Moto returns the listeners that use a certificate, AWS their load balancers."""
    users = [arn.replace(":listener/", ":loadbalancer/").split("/")[:4] for arn in certificate.get("InUseBy", [])]
    certificate["InUseBy"] = sorted({"/".join(parts) for parts in users})


def _repair_stack(stack: Value, request: Request) -> None:
    """Moto returns the values of NoEcho parameters."""
    hidden = backend(request, "cloudformation").stacks[stack["StackId"]].resource_map.no_echo_parameter_keys
    for parameter in stack.get("Parameters", []):
        if parameter["ParameterKey"] in hidden:
            parameter["ParameterValue"] = "****"


def _terminate_name(item: Value, _request: Request) -> None:
    """Names in a zone end with a dot; moto omits some of them in the zone of a registered domain."""
    item["Name"] = item["Name"].removesuffix(".") + "."


def _repair_record(record: Value, request: Request) -> None:
    """Route 53 returns the asterisk of a name as an octal escape."""
    _terminate_name(record, request)
    record["Name"] = record["Name"].replace("*", r"\052")


def _repair_domain(domain: Value, request: Request) -> None:
    """Moto leaves out the VPC of a search domain."""
    options = domain.get("VPCOptions")
    if options:
        options["VPCId"] = network_of(request, options.get("SubnetIds", []))


def _repair_domain_name(name: Value, request: Request) -> None:
    """Moto reports every engine as OpenSearch."""
    version: str = backend(request, "opensearch").describe_domain(name["DomainName"]).engine_version.options
    name["EngineType"] = version.split("_", 1)[0]


def _repair_function(function: Value, request: Request) -> None:
    """Moto returns the same VPC, which does not exist, for every function."""
    network = function.get("VpcConfig", {})
    if network.get("SubnetIds"):
        network["VpcId"] = network_of(request, network["SubnetIds"])


def _repair_described_function(answer: Value, request: Request) -> Value:
    _repair_function(answer.get("Configuration", answer), request)
    return answer


def _repair_eks_cluster(cluster: Value, request: Request) -> None:
    """Moto leaves out the network settings that EKS adds."""
    network = cluster["resourcesVpcConfig"]
    network["vpcId"] = network_of(request, network.get("subnetIds", []))
    network["clusterSecurityGroupId"] = group_named(request, f"eks-cluster-sg-{cluster['name']}-")
    network |= {"endpointPublicAccess": True, "endpointPrivateAccess": False, "publicAccessCidrs": ["0.0.0.0/0"]}


def _repair_warehouse(cluster: Value, request: Request) -> None:
    """Moto leaves out the VPC of a Redshift cluster."""
    group = backend(request, "redshift").subnet_groups.get(cluster.get("ClusterSubnetGroupName"))
    if group is not None:
        cluster["VpcId"] = network_of(request, group.subnet_ids)


def _repair_hsm(cluster: Value, request: Request) -> None:
    """Moto returns a VPC that does not exist and no security group."""
    cluster["VpcId"] = network_of(request, cluster["SubnetMapping"].values())
    cluster["SecurityGroup"] = group_named(request, f"cloudhsm-{cluster['ClusterId']}-")


def _repair_workspace(workspace: Value, request: Request) -> None:
    """Moto leaves out the subnet, address and computer name of a workspace."""
    directory = backend(request, "workspaces").workspace_directories[workspace["DirectoryId"]]
    workspace["SubnetId"] = directory.subnet_ids[0]
    workspace["IpAddress"] = "10.0.1.200"
    workspace["ComputerName"] = f"WSAMZN-{workspace['WorkspaceId'][-8:].upper()}"


def _repair_log_group(group: Value, request: Request) -> None:
    """Moto leaves out the number of metric filters."""
    filters = backend(request, "logs").filters.metric_filters
    group["metricFilterCount"] = sum(one["logGroupName"] == group["logGroupName"] for one in filters)


def _repair_subscription(subscription: Value, _request: Request) -> None:
    """Moto reports email subscriptions as confirmed, although nobody has confirmed them."""
    if subscription["Protocol"] == "email":
        subscription["SubscriptionArn"] = "PendingConfirmation"


def _whole_seconds(answer: Value, _request: Request) -> Value:
    """Moto returns a queue's timestamps with fractions of a second."""
    attributes = answer.get("Attributes", {})
    for name in {"CreatedTimestamp", "LastModifiedTimestamp"} & attributes.keys():
        attributes[name] = attributes[name].split(".", 1)[0]
    return answer


def _name_by_type(balancer: Value, request: Request) -> None:
    """Moto gives every load balancer the ARN of an application load balancer and no default scheme."""
    state = backend(request, "elbv2")
    arn = balancer["LoadBalancerArn"]
    stored = state.load_balancers.pop(arn)
    kind = {"network": "net", "gateway": "gwy"}.get(balancer["Type"], "app")
    stored.arn = arn.replace(":loadbalancer/app/", f":loadbalancer/{kind}/")
    stored.scheme = stored.scheme or "internet-facing"
    state.load_balancers[stored.arn] = stored
    state.tagging_service.copy_tags(arn, stored.arn)
    balancer |= {"LoadBalancerArn": stored.arn, "Scheme": stored.scheme}


def _name_default_rule(listener: Value, request: Request) -> None:
    """Moto derives the ARN of a listener's default rule from a memory address."""
    balancer = backend(request, "elbv2").load_balancers[listener["LoadBalancerArn"]]
    rule = balancer.listeners[listener["ListenerArn"]].rules[0]
    rule.arn = f"{rule.arn.rsplit('/', 1)[0]}/{mock_random.get_random_hex(16)}"


def _name_hsm(cluster: Value, request: Request) -> None:
    """Moto generates the id independently of its random seed and not in AWS's format."""
    clusters = backend(request, "cloudhsmv2").clusters
    stored = clusters.pop(cluster["ClusterId"])
    stored.cluster_id = cluster["ClusterId"] = f"cluster-{mock_random.get_random_hex(11)}"
    clusters[stored.cluster_id] = stored


def _steady_hosts(group: Value, _request: Request) -> None:
    """Moto generates a part of the host names independently of its random seed."""
    for shard in group.get("NodeGroups", []):
        members = [member.get("ReadEndpoint") for member in shard["NodeGroupMembers"]]
        for endpoint in filter(None, [shard.get("PrimaryEndpoint"), shard.get("ReaderEndpoint"), *members]):
            endpoint["Address"] = re.sub(r"\.\w{6}\.use1\.", ".abc123.use1.", endpoint["Address"])


def _complete_distribution(answer: Value, request: Request) -> Value:
    """Moto drops a distribution's edge functions and the S3 settings of its origins."""
    requested = (
        request.params.get("DistributionConfig") or request.params["DistributionConfigWithTags"]["DistributionConfig"]
    )
    distribution = backend(request, "cloudfront", "aws").distributions[answer["Distribution"]["Id"]]
    config = distribution.distribution_config
    behaviour = requested["DefaultCacheBehavior"]
    if "LambdaFunctionAssociations" in behaviour:
        config.DefaultCacheBehavior.lambda_function_associations = behaviour["LambdaFunctionAssociations"]
    for origin, settings in zip(config.Origins["Items"], requested["Origins"]["Items"], strict=True):
        if "S3OriginConfig" in settings:
            origin.s3_origin_config = settings["S3OriginConfig"]
    return answer


REPAIRS: dict[Key, Patch] = {
    ("acm", "DescribeCertificate"): _each("Certificate", _repair_certificate),
    ("cloudformation", "DescribeStacks"): _each("Stacks", _repair_stack),
    ("cloudfront", "CreateDistribution"): _complete_distribution,
    ("cloudfront", "CreateDistributionWithTags"): _complete_distribution,
    ("cloudhsmv2", "CreateCluster"): _each("Cluster", _name_hsm),
    ("cloudhsmv2", "DescribeClusters"): _each("Clusters", _repair_hsm),
    ("cloudtrail", "GetEventSelectors"): _default_selector,
    ("ec2", "DescribeSnapshots"): _own_snapshots,
    ("eks", "DescribeCluster"): _each("cluster", _repair_eks_cluster),
    ("elasticache", "DescribeReplicationGroups"): _each("ReplicationGroups", _steady_hosts),
    ("elbv2", "CreateListener"): _each("Listeners", _name_default_rule),
    ("elbv2", "CreateLoadBalancer"): _each("LoadBalancers", _name_by_type),
    ("iam", "GetAccountAuthorizationDetails"): _each("Policies", _repair_policy),
    ("iam", "GetCredentialReport"): _root_in_report,
    ("iam", "ListUsers"): _each("Users", _repair_user),
    ("iam", "ListVirtualMFADevices"): _each("VirtualMFADevices", _repair_device),
    ("lambda", "GetFunction"): _repair_described_function,
    ("lambda", "GetFunctionConfiguration"): _repair_described_function,
    ("lambda", "ListFunctions"): _each("Functions", _repair_function),
    ("logs", "DescribeLogGroups"): _each("logGroups", _repair_log_group),
    ("opensearch", "DescribeDomain"): _each("DomainStatus", _repair_domain),
    ("opensearch", "DescribeDomains"): _each("DomainStatusList", _repair_domain),
    ("opensearch", "ListDomainNames"): _each("DomainNames", _repair_domain_name),
    ("organizations", "ListAccounts"): _list_accounts_as_management_account,
    ("redshift", "DescribeClusters"): _each("Clusters", _repair_warehouse),
    ("route53", "GetHostedZone"): _each("HostedZone", _terminate_name),
    ("route53", "ListHostedZones"): _each("HostedZones", _terminate_name),
    ("route53", "ListResourceRecordSets"): _each("ResourceRecordSets", _repair_record),
    ("sns", "ListSubscriptions"): _each("Subscriptions", _repair_subscription),
    ("sns", "ListSubscriptionsByTopic"): _each("Subscriptions", _repair_subscription),
    ("sqs", "GetQueueAttributes"): _whole_seconds,
    ("wafv2", "ListWebACLs"): _global_acls_in_one_region,
    ("workspaces", "DescribeWorkspaces"): _each("Workspaces", _repair_workspace),
}
