"""The rates that AWS is known to allow, as data with their sources. `limits` turns them into waiting.

Calls of one bucket share one allowance. A rate without `operations` holds for every other call of its client.
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
    """Calls a second and the burst before that, for a client's operations (patterns of API names).

    `shared`: all of these operations draw on one bucket; else each has its own. `everywhere`: the bucket is the account's,
    not the region's. `most` is how far the rate may grow where the figure is only a careful start. `bucket` is the name of one
    that several clients draw on.
    """

    client: str
    per_second: float
    burst: float
    source: str
    operations: tuple[str, ...] = ("*",)
    shared: bool = True
    everywhere: bool = False
    most: float | None = None
    bucket: str | None = None


class Allowance(NamedTuple):
    """Calls a second and the burst before that, as a user gives them."""

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
_MODEL = "the operation's own documentation in botocore"
_MEASURED = "users of Steampipe measured it (steampipe-plugin-aws, rate limiters)"
_CAUTION = "unpublished; kept low on purpose"

RATES: tuple[Rate, ...] = (
    Rate("ec2", 20, 100, _EC2, shared=False),
    Rate("elb", 10, 40, _ELB),
    Rate("elbv2", 10, 40, _ELB),
    Rate("ecs", 20, 50, _ECS, ("DescribeClusters", "ListClusters")),
    Rate("ecs", 20, 50, _ECS, ("DescribeTaskDefinition", "ListTaskDefinition*")),
    Rate("ecs", 20, 100, _ECS, ("DescribeTasks", "ListTasks", "DescribeContainerInstances", "ListContainerInstances")),
    Rate("ecs", 20, 100, _ECS, ("DescribeServices", "ListServices")),
    Rate("route53", 5, 10, _ROUTE53, everywhere=True),
    Rate("route53domains", 5, 10, _CAUTION, everywhere=True),
    Rate("cloudfront", 5, 10, _MEASURED, everywhere=True),
    Rate("apigateway", 2.5, 5, _API_GATEWAY, ("GetResources",), everywhere=True),
    Rate("apigateway", 10, 40, _API_GATEWAY, everywhere=True, bucket="apigateway"),
    Rate("apigatewayv2", 10, 40, _API_GATEWAY, everywhere=True, bucket="apigateway"),
    Rate("wafv2", 1, 4, _WAF, ("GetWebACLForResource", "ListResourcesForWebACL")),
    Rate("wafv2", 5, 10, _WAF, shared=False),
    Rate("waf", 5, 10, _WAF, everywhere=True),
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
    Rate("sns", 10, 10, _CAUTION, ("ListTagsForResource",)),
    Rate("sns", 30, 30, _MODEL, shared=False),
    Rate("acm", 8, 8, _CAUTION, shared=False),
    Rate("s3", 100, 100, "no published figure for the bucket settings; found by adapting", shared=False, most=400),
    Rate("sts", 100, 100, _CAUTION),
    Rate("organizations", 2, 2, _ORGANIZATIONS, everywhere=True),
    Rate("iam", 35, 70, _MEASURED, ("GetPolicy*",), everywhere=True),
    Rate("iam", 10, 20, _CAUTION, everywhere=True),
)

DEFAULT = Rate("*", 20, 40, "no published figure; found by adapting", shared=False, most=200)
"""For everything that has no known rate: each operation on its own, adapting from here."""

CONFIGURED = "the configuration file"
"""The source of a rate that the user has set."""


class Rates:
    """The known rates, with what the configuration file says instead.

    An allowance stands under a client (`ec2`: each of its buckets has this rate) or under one operation
    (`ec2:DescribeInstances`: it gets a bucket of its own).
    """

    def __init__(self, given: Mapping[str, Allowance] | None = None) -> None:
        """`given` overrides what is known; the operation's own entry comes before its client's."""
        self._given = given or {}
        self._found: dict[tuple[str, str], tuple[Rate, str]] = {}

    @classmethod
    def of(cls, limits: Mapping[str, RateOverride]) -> Rates:
        """With the rates of the settings; without a burst, one second's worth."""
        return cls(
            {
                name: Allowance(limit.per_second, limit.burst or max(1.0, limit.per_second))
                for name, limit in limits.items()
            }
        )

    def find(self, client: str, api: str) -> tuple[Rate, str]:
        """The rate of an operation and the name of its bucket."""
        found = self._found.get((client, api))
        if found is None:
            found = self._found[client, api] = self._look_up(client, api)
        return found

    def _look_up(self, client: str, api: str) -> tuple[Rate, str]:
        known, bucket = rate_of(client, api)
        alone = f"{client}:{api}"
        given = self._given.get(alone) or self._given.get(client)
        if given is None:
            return known, bucket
        told = replace(known, per_second=given.per_second, burst=given.burst, source=CONFIGURED, most=None)
        return (replace(told, shared=False), alone) if alone in self._given else (told, bucket)


def is_everywhere(client: str) -> bool:
    """Whether a client draws on some allowance that is one for all regions."""
    return any(rate.client == client and rate.everywhere for rate in RATES)


@cache
def rate_of(client: str, api: str) -> tuple[Rate, str]:
    """The rate of an operation and the name of its bucket, such as `ec2:DescribeSubnets` or `elbv2`."""
    for rate in RATES:
        if rate.client == client and any(fnmatchcase(api, pattern) for pattern in rate.operations):
            alone = f"{client}:{api}"
            together = rate.bucket or client if rate.operations == ("*",) else f"{client}:{'+'.join(rate.operations)}"
            return rate, together if rate.shared else alone
    return DEFAULT, f"{client}:{api}"
