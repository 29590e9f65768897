"""Where moto answers otherwise than AWS in ways that would mislead, and what AWS would have answered.

These hold for every account and region and know nothing of the estate. What moto has not at all is in
``collector.demo.stand_ins``, what only the estate can tell in ``collector.demo.fixtures``.
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


def _each(path: str, mend: Callable[[Value, Request], None]) -> Patch:
    """Mends every item of a list in the answer, or the one structure that is there instead."""

    def patch(answer: Value, request: Request) -> Value:
        found = answer.get(path, [])
        for item in found if isinstance(found, list) else [found]:
            mend(item, request)
        return answer

    return patch


def _own_snapshots(answer: Value, request: Request) -> Value:
    """Moto ignores whose snapshots are asked for."""
    owners = [request.account if owner == "self" else owner for owner in request.params.get("OwnerIds", [])]
    answer["Snapshots"] = [one for one in answer["Snapshots"] if not owners or one["OwnerId"] in owners]
    return answer


def _only_the_master_may_list(answer: Value, request: Request) -> Value:
    """Moto tells members of an organization, and those in none, of no accounts, where AWS refuses."""
    if answer["Accounts"]:
        return answer
    if request.account in organizations_backends.master_accounts:
        raise StubError(400, "AccessDeniedException", "You don't have permissions to access this resource.")
    raise StubError(400, "AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")


def _global_acls_in_one_region(answer: Value, request: Request) -> Value:
    """Moto has the ACLs of CloudFront in every region."""
    if request.params["Scope"] == "CLOUDFRONT" and request.region != REGION:
        reason = "field: SCOPE_VALUE, parameter: CLOUDFRONT"
        raise StubError(400, "WAFInvalidParameterException", f"The scope is not valid., {reason}")
    return answer


def _default_selector(answer: Value, _request: Request) -> Value:
    """A trail that has been told nothing records management events; moto says it records none."""
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


def _mend_policy(policy: Value, request: Request) -> None:
    """Moto tells managed policies without their names."""
    policy["PolicyName"] = policy["Arn"].rsplit("/", 1)[1]
    policy["PolicyId"] = backend(request, "iam", "aws").managed_policies[policy["Arn"]].id


def _mend_user(user: Value, request: Request) -> None:
    """Moto never says when a password was used."""
    if backend(request, "iam", "aws").users[user["UserName"]].password:
        user.setdefault("PasswordLastUsed", "2026-01-02T03:04:05Z")


def _mend_device(device: Value, _request: Request) -> None:
    """AWS shows the seed of a virtual MFA device once, when it is made; moto shows it always."""
    device.pop("Base32StringSeed", None)
    device.pop("QRCodePNG", None)


def _mend_certificate(certificate: Value, _request: Request) -> None:
    """Moto tells the listeners that use a certificate, AWS their load balancers."""
    users = [arn.replace(":listener/", ":loadbalancer/").split("/")[:4] for arn in certificate.get("InUseBy", [])]
    certificate["InUseBy"] = sorted({"/".join(parts) for parts in users})


def _mend_stack(stack: Value, request: Request) -> None:
    """Moto shows the parameters that must not be shown."""
    hidden = backend(request, "cloudformation").stacks[stack["StackId"]].resource_map.no_echo_parameter_keys
    for parameter in stack.get("Parameters", []):
        if parameter["ParameterKey"] in hidden:
            parameter["ParameterValue"] = "****"


def _end_name(item: Value, _request: Request) -> None:
    """Names in a zone end with a dot; in the zone of a registered domain, some of moto's do not."""
    item["Name"] = item["Name"].removesuffix(".") + "."


def _mend_record(record: Value, request: Request) -> None:
    """Route 53 writes the asterisk of a name in octal."""
    _end_name(record, request)
    record["Name"] = record["Name"].replace("*", r"\052")


def _mend_domain(domain: Value, request: Request) -> None:
    """Moto does not say which network a search domain is in."""
    options = domain.get("VPCOptions")
    if options:
        options["VPCId"] = network_of(request, options.get("SubnetIds", []))


def _mend_domain_name(name: Value, request: Request) -> None:
    """Moto takes every engine for OpenSearch."""
    version: str = backend(request, "opensearch").describe_domain(name["DomainName"]).engine_version.options
    name["EngineType"] = version.split("_", 1)[0]


def _mend_function(function: Value, request: Request) -> None:
    """Moto puts every function into the same network, which does not exist."""
    network = function.get("VpcConfig", {})
    if network.get("SubnetIds"):
        network["VpcId"] = network_of(request, network["SubnetIds"])


def _mend_described_function(answer: Value, request: Request) -> Value:
    _mend_function(answer.get("Configuration", answer), request)
    return answer


def _mend_eks_cluster(cluster: Value, request: Request) -> None:
    """Moto leaves out what EKS adds to the network settings."""
    network = cluster["resourcesVpcConfig"]
    network["vpcId"] = network_of(request, network.get("subnetIds", []))
    network["clusterSecurityGroupId"] = group_named(request, f"eks-cluster-sg-{cluster['name']}-")
    network |= {"endpointPublicAccess": True, "endpointPrivateAccess": False, "publicAccessCidrs": ["0.0.0.0/0"]}


def _mend_warehouse(cluster: Value, request: Request) -> None:
    """Moto does not say which network a Redshift cluster is in."""
    group = backend(request, "redshift").subnet_groups.get(cluster.get("ClusterSubnetGroupName"))
    if group is not None:
        cluster["VpcId"] = network_of(request, group.subnet_ids)


def _mend_hsm(cluster: Value, request: Request) -> None:
    """Moto makes up a network and has no security group."""
    cluster["VpcId"] = network_of(request, cluster["SubnetMapping"].values())
    cluster["SecurityGroup"] = group_named(request, f"cloudhsm-{cluster['ClusterId']}-")


def _mend_workspace(workspace: Value, request: Request) -> None:
    """Moto does not say where a workspace is and what it is called."""
    directory = backend(request, "workspaces").workspace_directories[workspace["DirectoryId"]]
    workspace["SubnetId"] = directory.subnet_ids[0]
    workspace["IpAddress"] = "10.0.1.200"
    workspace["ComputerName"] = f"WSAMZN-{workspace['WorkspaceId'][-8:].upper()}"


def _mend_log_group(group: Value, request: Request) -> None:
    """Moto counts no metric filters."""
    filters = backend(request, "logs").filters.metric_filters
    group["metricFilterCount"] = sum(one["logGroupName"] == group["logGroupName"] for one in filters)


def _mend_subscription(subscription: Value, _request: Request) -> None:
    """Nobody has confirmed the subscriptions by mail, which moto takes for confirmed."""
    if subscription["Protocol"] == "email":
        subscription["SubscriptionArn"] = "PendingConfirmation"


def _whole_seconds(answer: Value, _request: Request) -> Value:
    """Moto gives a queue's times fractions of a second."""
    attributes = answer.get("Attributes", {})
    for name in {"CreatedTimestamp", "LastModifiedTimestamp"} & attributes.keys():
        attributes[name] = attributes[name].split(".", 1)[0]
    return answer


def _name_by_type(balancer: Value, request: Request) -> None:
    """Moto gives every load balancer the ARN of an application's, and forgets a default scheme."""
    known = backend(request, "elbv2")
    arn = balancer["LoadBalancerArn"]
    made = known.load_balancers.pop(arn)
    kind = {"network": "net", "gateway": "gwy"}.get(balancer["Type"], "app")
    made.arn = arn.replace(":loadbalancer/app/", f":loadbalancer/{kind}/")
    made.scheme = made.scheme or "internet-facing"
    known.load_balancers[made.arn] = made
    known.tagging_service.copy_tags(arn, made.arn)
    balancer |= {"LoadBalancerArn": made.arn, "Scheme": made.scheme}


def _name_default_rule(listener: Value, request: Request) -> None:
    """Moto names a listener's default rule after a place in its memory."""
    balancer = backend(request, "elbv2").load_balancers[listener["LoadBalancerArn"]]
    rule = balancer.listeners[listener["ListenerArn"]].rules[0]
    rule.arn = f"{rule.arn.rsplit('/', 1)[0]}/{mock_random.get_random_hex(16)}"


def _name_hsm(cluster: Value, request: Request) -> None:
    """Moto draws the id by lot, without regard to its seed, and not in AWS's form."""
    known = backend(request, "cloudhsmv2").clusters
    made = known.pop(cluster["ClusterId"])
    made.cluster_id = cluster["ClusterId"] = f"cluster-{mock_random.get_random_hex(11)}"
    known[made.cluster_id] = made


def _steady_hosts(group: Value, _request: Request) -> None:
    """Moto draws a part of the host names by lot, without regard to its seed."""
    for shard in group.get("NodeGroups", []):
        members = [member.get("ReadEndpoint") for member in shard["NodeGroupMembers"]]
        for endpoint in filter(None, [shard.get("PrimaryEndpoint"), shard.get("ReaderEndpoint"), *members]):
            endpoint["Address"] = re.sub(r"\.\w{6}\.use1\.", ".abc123.use1.", endpoint["Address"])


def _keep_what_moto_drops(answer: Value, request: Request) -> Value:
    """Moto drops a distribution's edge functions and the S3 settings of its origins."""
    wanted = (
        request.params.get("DistributionConfig") or request.params["DistributionConfigWithTags"]["DistributionConfig"]
    )
    distribution = backend(request, "cloudfront", "aws").distributions[answer["Distribution"]["Id"]]
    config = distribution.distribution_config
    behaviour = wanted["DefaultCacheBehavior"]
    if "LambdaFunctionAssociations" in behaviour:
        config.DefaultCacheBehavior.lambda_function_associations = behaviour["LambdaFunctionAssociations"]
    for origin, given in zip(config.Origins["Items"], wanted["Origins"]["Items"], strict=True):
        if "S3OriginConfig" in given:
            origin.s3_origin_config = given["S3OriginConfig"]
    return answer


REPAIRS: dict[Key, Patch] = {
    ("acm", "DescribeCertificate"): _each("Certificate", _mend_certificate),
    ("cloudformation", "DescribeStacks"): _each("Stacks", _mend_stack),
    ("cloudfront", "CreateDistribution"): _keep_what_moto_drops,
    ("cloudfront", "CreateDistributionWithTags"): _keep_what_moto_drops,
    ("cloudhsmv2", "CreateCluster"): _each("Cluster", _name_hsm),
    ("cloudhsmv2", "DescribeClusters"): _each("Clusters", _mend_hsm),
    ("cloudtrail", "GetEventSelectors"): _default_selector,
    ("ec2", "DescribeSnapshots"): _own_snapshots,
    ("eks", "DescribeCluster"): _each("cluster", _mend_eks_cluster),
    ("elasticache", "DescribeReplicationGroups"): _each("ReplicationGroups", _steady_hosts),
    ("elbv2", "CreateListener"): _each("Listeners", _name_default_rule),
    ("elbv2", "CreateLoadBalancer"): _each("LoadBalancers", _name_by_type),
    ("iam", "GetAccountAuthorizationDetails"): _each("Policies", _mend_policy),
    ("iam", "GetCredentialReport"): _root_in_report,
    ("iam", "ListUsers"): _each("Users", _mend_user),
    ("iam", "ListVirtualMFADevices"): _each("VirtualMFADevices", _mend_device),
    ("lambda", "GetFunction"): _mend_described_function,
    ("lambda", "GetFunctionConfiguration"): _mend_described_function,
    ("lambda", "ListFunctions"): _each("Functions", _mend_function),
    ("logs", "DescribeLogGroups"): _each("logGroups", _mend_log_group),
    ("opensearch", "DescribeDomain"): _each("DomainStatus", _mend_domain),
    ("opensearch", "DescribeDomains"): _each("DomainStatusList", _mend_domain),
    ("opensearch", "ListDomainNames"): _each("DomainNames", _mend_domain_name),
    ("organizations", "ListAccounts"): _only_the_master_may_list,
    ("redshift", "DescribeClusters"): _each("Clusters", _mend_warehouse),
    ("route53", "GetHostedZone"): _each("HostedZone", _end_name),
    ("route53", "ListHostedZones"): _each("HostedZones", _end_name),
    ("route53", "ListResourceRecordSets"): _each("ResourceRecordSets", _mend_record),
    ("sns", "ListSubscriptions"): _each("Subscriptions", _mend_subscription),
    ("sns", "ListSubscriptionsByTopic"): _each("Subscriptions", _mend_subscription),
    ("sqs", "GetQueueAttributes"): _whole_seconds,
    ("wafv2", "ListWebACLs"): _global_acls_in_one_region,
    ("workspaces", "DescribeWorkspaces"): _each("Workspaces", _mend_workspace),
}
