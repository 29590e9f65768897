"""Request rates that AWS allows, as data with their sources; `limits` enforces them.

Calls of one bucket share one allowance. A rate without `operations` applies to every other call of its client.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.config import RateOverride


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls per second and burst of a client's operations, which are patterns of API names.

    `shared`: all of these operations draw on one bucket, otherwise each has its own. `account_wide`: one bucket for all
    regions of an account. `ceiling`: the rate to which it may grow, if `per_second` is only a conservative start.
    `bucket`: the name of a bucket that more than one client draws on.
    """

    client: str
    per_second: float
    burst: float
    source: str
    operations: tuple[str, ...] = ("*",)
    shared: bool = True
    account_wide: bool = False
    ceiling: float | None = None
    bucket: str | None = None


class Allowance(NamedTuple):
    """Calls per second and burst, as configured by the user."""

    per_second: float
    burst: float


_API_GATEWAY = "docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"
_CLOUDWATCH = "docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html"
_EC2 = "docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html"
_ELB = "docs.aws.amazon.com/elasticloadbalancing/latest/APIReference (request throttling)"
_ECS = "docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html"
_KMS = "docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html"
_LAMBDA = "docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
_ORGANIZATIONS = "awsdocs/aws-organizations-docs issue 39 and others: throttles from about 250 accounts"
_ROUTE53 = "docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html"
_WAF = "docs.aws.amazon.com/waf/latest/developerguide/limits.html"
_MODEL = "the documentation of the operation in botocore"
_MEASURED = "measured by users of Steampipe (steampipe-plugin-aws, rate limiters)"
_GUESSED = "no published figure; found by adapting"

RATES: tuple[Rate, ...] = (
    Rate("ec2", 20, 100, _EC2, shared=False),
    Rate("elb", 10, 40, _ELB),
    Rate("elbv2", 10, 40, _ELB),
    Rate("ecs", 20, 50, _ECS, ("DescribeClusters", "ListClusters")),
    Rate("ecs", 20, 50, _ECS, ("DescribeTaskDefinition", "ListTaskDefinition*")),
    Rate("ecs", 20, 100, _ECS, ("DescribeTasks", "ListTasks", "DescribeContainerInstances", "ListContainerInstances")),
    Rate("ecs", 20, 100, _ECS, ("DescribeServices", "ListServices")),
    Rate("route53", 5, 10, _ROUTE53, account_wide=True),
    Rate("route53domains", 5, 10, _GUESSED, account_wide=True, ceiling=20),
    Rate("cloudfront", 5, 10, _MEASURED, account_wide=True),
    Rate("apigateway", 2.5, 5, _API_GATEWAY, ("GetResources",), account_wide=True),
    Rate("apigateway", 10, 40, _API_GATEWAY, account_wide=True, bucket="apigateway"),
    Rate("apigatewayv2", 10, 40, _API_GATEWAY, account_wide=True, bucket="apigateway"),
    Rate("wafv2", 1, 4, _WAF, ("GetWebACLForResource", "ListResourcesForWebACL")),
    Rate("wafv2", 5, 10, _WAF, shared=False),
    Rate("waf", 5, 10, _WAF, account_wide=True),
    Rate("waf-regional", 5, 10, _WAF),
    Rate("lambda", 15, 15, _LAMBDA, ("GetPolicy",)),
    Rate("lambda", 100, 100, _MEASURED, ("GetFunction",)),
    Rate("lambda", 15, 15, _LAMBDA),
    Rate("kms", 500, 500, _KMS, ("List*Keys", "ListAliases"), shared=False),
    Rate("kms", 1000, 1000, _KMS, shared=False),
    Rate("logs", 10, 10, "docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html", shared=False),
    Rate("cloudwatch", 9, 9, _CLOUDWATCH, shared=False),
    Rate("dynamodb", 10, 10, _MODEL, shared=False),
    Rate("sns", 30, 30, _MODEL, ("ListTopics", "ListSubscriptions"), shared=False),
    Rate("sns", 10, 10, _GUESSED, ("ListTagsForResource",), ceiling=40),
    Rate("sns", 30, 30, _MODEL, shared=False),
    Rate("acm", 8, 8, _GUESSED, shared=False, ceiling=32),
    Rate("s3", 100, 100, _GUESSED, shared=False, ceiling=400),
    Rate("sts", 100, 100, _GUESSED, ceiling=400),
    Rate("organizations", 2, 2, _ORGANIZATIONS, account_wide=True),
    Rate("iam", 35, 70, _MEASURED, ("GetPolicy*",), account_wide=True),
    Rate("iam", 10, 20, _GUESSED, account_wide=True, ceiling=40),
)

DEFAULT = Rate("*", 20, 40, _GUESSED, shared=False, ceiling=200)
"""For operations without a documented rate: a bucket for each, which starts here and adapts."""

CONFIGURED = "the configuration file"
"""The source of a rate that the user configured."""


class Rates:
    """The rates of `RATES`, overridden by the user's configuration.

    `overrides` are keyed by client (`ec2`: the rate of each of its buckets) or by operation (`ec2:DescribeInstances`:
    it gets a bucket of its own). An operation's entry takes precedence over its client's.
    """

    def __init__(self, overrides: Mapping[str, Allowance] | None = None) -> None:
        self._overrides = overrides or {}
        self._cache: dict[tuple[str, str], tuple[Rate, str]] = {}

    @classmethod
    def of(cls, limits: Mapping[str, RateOverride]) -> Rates:
        """With the overrides of the settings. The burst defaults to one second's worth of calls, at least one."""
        return cls(
            {
                name: Allowance(limit.per_second, limit.burst or max(1.0, limit.per_second))
                for name, limit in limits.items()
            }
        )

    def find(self, client: str, api: str) -> tuple[Rate, str]:
        """The rate of an operation and the name of its bucket."""
        found = self._cache.get((client, api))
        if found is None:
            found = self._cache[client, api] = self._look_up(client, api)
        return found

    def _look_up(self, client: str, api: str) -> tuple[Rate, str]:
        rate, bucket = rate_of(client, api)
        operation = f"{client}:{api}"
        override = self._overrides.get(operation) or self._overrides.get(client)
        if override is None:
            return rate, bucket
        rate = replace(rate, per_second=override.per_second, burst=override.burst, source=CONFIGURED, ceiling=None)
        return (replace(rate, shared=False), operation) if operation in self._overrides else (rate, bucket)


def is_account_wide(client: str) -> bool:
    """Whether any rate of a client is shared by all regions of an account."""
    return any(rate.client == client and rate.account_wide for rate in RATES)


@cache
def rate_of(client: str, api: str) -> tuple[Rate, str]:
    """The rate of an operation and the name of its bucket, such as `ec2:DescribeSubnets` or `elbv2`."""
    for rate in RATES:
        if rate.client == client and any(fnmatchcase(api, pattern) for pattern in rate.operations):
            if not rate.shared:
                return rate, f"{client}:{api}"
            named = rate.operations != ("*",)
            return rate, f"{client}:{'+'.join(rate.operations)}" if named else rate.bucket or client
    return DEFAULT, f"{client}:{api}"
