"""The mapping from collected entity types to the resource types of AWS's authorization reference, with child resources.

Many grants name child resources of a collected entity (the objects of a bucket, the streams of a log group); they count as grants
on the entity. A type that is missing here has no ARN that a policy can name: ECR images, EFS mount targets, access keys, the
password policy, inline policies, findings, DNS records and registered domains, distribution origins, bucket policies, topic
subscriptions, cache nodes. Grants on those are drawn to the parent entity or to the service.
"""

from __future__ import annotations

from typing import NamedTuple

Reference = tuple[str, str]
"""A resource type of the authorization reference: (service, name)."""

ANY_NAME = "?*"
"""A pattern for any name; names in AWS are never empty."""


class ChildResource(NamedTuple):
    """A kind of child resource of an entity, named `<entity><separator><remainder>`.

    `types` determine the actions that apply to it. `own` adds the actions of the entity itself, for qualified names of the
    entity such as versions. If `remainder` is None, it is taken from the reference. `service` and `prefix` are set for children
    whose ARNs belong to another service: `prefix` plus the first part of their resource name is the name of the entity.
    """

    separator: str
    types: tuple[Reference, ...] = ()
    remainder: str | None = None
    own: bool = False
    service: str | None = None
    prefix: str = ""


class Nameable(NamedTuple):
    """The ARNs by which policies name a collected type and its child resources.

    `suffix` is an optional ending of the entity's own ARN: the ARN is valid with and without it.
    """

    own: tuple[Reference, ...]
    children: tuple[ChildResource, ...] = ()
    suffix: str = ""


def _is(service: str, *names: str) -> Nameable:
    return Nameable(tuple((service, name) for name in names))


def _invocation(prefix: str) -> ChildResource:
    # REST and HTTP APIs are invoked as arn:aws:execute-api:<region>:<account>:<API id>/<stage>/<method>/<path>.
    return ChildResource("/", (("execute-api", "execute-api-general"),), ANY_NAME, service="execute-api", prefix=prefix)


_PATH = ChildResource("/", remainder=ANY_NAME, own=True)

NAMEABLE: dict[str, Nameable] = {
    "aws_accessanalyzer_analyzer": _is("access-analyzer", "Analyzer"),
    "aws_account": _is("account", "account"),
    "aws_acm_certificate": _is("acm", "certificate"),
    "aws_alb": _is("elasticloadbalancing", "loadbalancer/app/"),
    "aws_ami": _is("ec2", "image"),
    "aws_api_gateway_rest_api": Nameable((("apigateway", "RestApi"),), (_PATH, _invocation("/restapis/"))),
    "aws_api_gateway_v2_api": Nameable((("apigateway", "Api"),), (_PATH, _invocation("/apis/"))),
    "aws_api_gateway_v2_authorizer": _is("apigateway", "Authorizer"),
    "aws_api_gateway_v2_integration": _is("apigateway", "Integration"),
    "aws_api_gateway_v2_route": _is("apigateway", "Route"),
    "aws_autoscaling_group": _is("autoscaling", "autoScalingGroup"),
    "aws_batch_compute_environment": _is("batch", "compute-environment"),
    "aws_batch_job": _is("batch", "job"),
    "aws_batch_job_definition": _is("batch", "job-definition-revision", "job-definition"),
    "aws_batch_job_queue": _is("batch", "job-queue"),
    "aws_cloudformation_stack": _is("cloudformation", "stack"),
    "aws_cloudfront_distribution": _is("cloudfront", "distribution"),
    "aws_cloudwatch_event_rule": _is("events", "rule-on-default-event-bus", "rule-on-custom-event-bus"),
    # The ARN of a log group is used with and without ":*".
    "aws_cloudwatch_log_group": Nameable(
        (("logs", "log-group"),), (ChildResource(":", (("logs", "log-stream"),)),), suffix=":*"
    ),
    "aws_cloudwatch_metric_alarm": _is("cloudwatch", "alarm"),
    "aws_config_rule": _is("config", "ConfigRule"),
    "aws_db_cluster_snapshot": _is("rds", "cluster-snapshot"),
    "aws_db_instance": _is("rds", "db"),
    "aws_db_snapshot": _is("rds", "snapshot"),
    "aws_dynamodb_table": Nameable(
        (("dynamodb", "table"),),
        tuple(ChildResource("/", (("dynamodb", name),)) for name in ("index", "stream", "backup", "export", "import")),
    ),
    "aws_ebs_snapshot": _is("ec2", "snapshot"),
    "aws_ebs_volume": _is("ec2", "volume"),
    "aws_ecr_repository": _is("ecr", "repository"),
    "aws_ecs_cluster": _is("ecs", "cluster"),
    "aws_ecs_container_instance": _is("ecs", "container-instance"),
    "aws_ecs_service": _is("ecs", "service"),
    "aws_ecs_task": _is("ecs", "task"),
    "aws_ecs_task_definition": _is("ecs", "task-definition"),
    "aws_efs_file_system": _is("elasticfilesystem", "file-system"),
    "aws_eip": _is("ec2", "elastic-ip"),
    "aws_eks_cluster": _is("eks", "cluster"),
    "aws_elasticache_memcached_cluster": _is("elasticache", "cluster"),
    "aws_elasticache_redis_cluster": _is("elasticache", "replicationgroup", "cluster"),
    # es:ESHttp* actions are granted on the paths of a domain.
    "aws_elasticsearch_domain": Nameable((("es", "domain"),), (_PATH,)),
    "aws_elb": _is("elasticloadbalancing", "loadbalancer"),
    "aws_eni": _is("ec2", "network-interface"),
    "aws_guardduty_detector": _is("guardduty", "detector"),
    "aws_hsm": _is("cloudhsm", "cluster"),
    "aws_iam_group": _is("iam", "group"),
    "aws_iam_oidc_provider": _is("iam", "oidc-provider"),
    "aws_iam_policy": _is("iam", "policy"),
    "aws_iam_role": _is("iam", "role"),
    "aws_iam_saml_provider": _is("iam", "saml-provider"),
    "aws_iam_user": _is("iam", "user"),
    "aws_instance": _is("ec2", "instance"),
    "aws_internet_gateway": _is("ec2", "internet-gateway"),
    "aws_key_pair": _is("ec2", "key-pair"),
    "aws_kms_key": _is("kms", "key"),
    # lambda:InvokeFunction also accepts the qualified name of a function: a version or an alias.
    "aws_lambda_function": Nameable(
        (("lambda", "function"),),
        (ChildResource(":", (("lambda", "function alias"), ("lambda", "function version")), own=True),),
    ),
    "aws_lb_listener": _is("elasticloadbalancing", "listener/app", "listener/net"),
    "aws_lb_listener_rule": _is("elasticloadbalancing", "listener-rule/app", "listener-rule/net"),
    "aws_lb_target_group": _is("elasticloadbalancing", "targetgroup"),
    "aws_nat_gateway": _is("ec2", "natgateway"),
    "aws_network_acl": _is("ec2", "network-acl"),
    "aws_nlb": _is("elasticloadbalancing", "loadbalancer/net/"),
    "aws_rds_cluster": _is("rds", "cluster"),
    "aws_redshift_cluster": _is("redshift", "cluster"),
    "aws_route53_zone": _is("route53", "hostedzone"),
    "aws_route_table": _is("ec2", "route-table"),
    "aws_s3_bucket": Nameable((("s3", "bucket"),), (ChildResource("/", (("s3", "object"),)),)),
    "aws_security_group": _is("ec2", "security-group"),
    "aws_sns_topic": _is("sns", "topic"),
    "aws_sqs_queue": _is("sqs", "queue"),
    "aws_subnet": _is("ec2", "subnet"),
    "aws_transfer_server": _is("transfer", "server"),
    "aws_transfer_user": _is("transfer", "user"),
    "aws_vpc": _is("ec2", "vpc"),
    "aws_vpn_gateway": _is("ec2", "vpn-gateway"),
    "aws_waf_v2_web_acl": _is("wafv2", "webacl"),
    "aws_waf_web_acl": Nameable((("waf", "webacl"), ("waf-regional", "webacl"))),
    "aws_workspace": _is("workspaces", "workspaceid"),
    "aws_workspaces_bundle": _is("workspaces", "workspacebundle"),
    "mfa_device": _is("iam", "mfa"),
}

OVERLAY: dict[str, tuple[str, tuple[str, ...]]] = {
    "apigateway": ("apigateway", ("delete", "get", "patch", "post", "put")),
}
"""Actions that apply to every resource of an ARN service but are missing from the reference: (service, names).

API Gateway's management actions are HTTP verbs on paths; the reference lists only some of the paths.
"""
