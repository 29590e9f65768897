"""ELBv2 answers about listeners and rules."""

from typing import Any

from . import wire
from .answers import Params, answers, listing, named, values, varied
from .balancers import (
    ARN,
    BALANCER_PATH,
    GROUP_ARN,
    MARKERS,
    balancer_fields,
    balancer_of,
    balancers,
    is_application,
    target_groups,
)
from .estate import Place
from .ids import basics, digits
from .kms import CERTIFICATE

_LISTENER_ARN = f"{ARN}:listener/{BALANCER_PATH}/%(here)s%(listener)s"
_FORWARD = [
    {
        "Type": "forward",
        "TargetGroupArn": GROUP_ARN,
        "Order": 1,
        "ForwardConfig": {
            "TargetGroups": [{"TargetGroupArn": GROUP_ARN, "Weight": 1}],
            "TargetGroupStickinessConfig": {"Enabled": False},
        },
    }
]
_LISTENER: dict[str, Any] = {
    "ListenerArn": _LISTENER_ARN,
    "LoadBalancerArn": f"{ARN}:loadbalancer/{BALANCER_PATH}",
    "Port": "%(port)s",
    "DefaultActions": _FORWARD,
}
_LISTENERS = {
    "HTTPS": {
        **_LISTENER,
        "Protocol": "HTTPS",
        "Certificates": [{"CertificateArn": CERTIFICATE}],
        "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
        "MutualAuthentication": {"Mode": "off"},
    },
    "HTTP": {**_LISTENER, "Protocol": "HTTP"},
    "TCP": {**_LISTENER, "Protocol": "TCP"},
}
_RULE: dict[str, Any] = {
    "RuleArn": f"{ARN}:listener-rule/{BALANCER_PATH}/%(here)s%(listener)s/%(here)s%(n)s",
    "Actions": _FORWARD,
}
_RULES = {
    True: {**_RULE, "Priority": "default", "Conditions": [], "IsDefault": True},
    False: {
        **_RULE,
        "Priority": "%(priority)s",
        "Conditions": [
            {
                "Field": "path-pattern",
                "Values": ["/api/%(n)s/*"],
                "PathPatternConfig": {"Values": ["/api/%(n)s/*"]},
            },
            {"Field": "host-header", "HostHeaderConfig": {"Values": ["www%(n)s.example.com"]}},
        ],
        "IsDefault": False,
    },
}
_CERTIFICATES = wire.body(
    "elbv2",
    "DescribeListenerCertificates",
    {"Certificates": [{"CertificateArn": CERTIFICATE, "IsDefault": True}]},
)
_NO_CERTIFICATES = wire.body("elbv2", "DescribeListenerCertificates", {"Certificates": []})


def _protocol(place: Place, n: int) -> str:
    if not is_application(place, n % balancers(place)):
        return "TCP"
    return "HTTPS" if n // balancers(place) % 2 == 0 else "HTTP"


def _fields(place: Place, n: int) -> dict[str, str]:
    turn, balancer = divmod(n, balancers(place))
    groups = target_groups(place, balancer) or range(1)
    return {
        **basics(place, n),
        **balancer_fields(place, balancer),
        "listener": digits(n),
        "port": str(443 if turn == 0 else 8000 + turn),
        "target": digits(groups[turn % len(groups)]),
        "certificate": digits(n % max(1, place.n["aws_acm_certificate"])),
    }


def _application_listeners(place: Place) -> int:
    turns, rest = divmod(place.n["aws_lb_listener"], balancers(place))
    return turns * place.n["aws_alb"] + min(rest, place.n["aws_alb"])


def _rules(place: Place, params: Params) -> list[int]:
    # Rule ``n`` is the default rule of listener ``n``. The others belong to application load balancers.
    if "RuleArns.member.1" in params:
        return [named(place, arn, "aws_lb_listener_rule", "RuleNotFound") for arn in values(params, "RuleArns.member")]
    listener = _listener(place, params)
    turn, balancer = divmod(listener, balancers(place))
    if not is_application(place, balancer):
        return [listener]
    first = place.n["aws_lb_listener"] + turn * place.n["aws_alb"] + balancer
    return [listener, *range(first, place.n["aws_lb_listener_rule"], _application_listeners(place))]


def _rule_fields(place: Place, n: int) -> dict[str, str]:
    listeners, listener, turn = place.n["aws_lb_listener"], n, 0
    if n >= listeners:
        turn, ordinal = divmod(n - listeners, _application_listeners(place))
        row, balancer = divmod(ordinal, place.n["aws_alb"])
        listener = row * balancers(place) + balancer
    return {**_fields(place, listener), **basics(place, n), "priority": str(turn + 1)}


def _listener(place: Place, params: Params) -> int:
    return named(place, params.get("ListenerArn", ""), "aws_lb_listener", "ListenerNotFound")


def _listeners(place: Place, params: Params) -> list[int] | range:
    if "ListenerArns.member.1" in params:
        return [
            named(place, arn, "aws_lb_listener", "ListenerNotFound") for arn in values(params, "ListenerArns.member")
        ]
    return range(balancer_of(place, params), place.n["aws_lb_listener"], balancers(place))


_row = varied("elbv2", "DescribeListeners", "Listeners", _LISTENERS, _protocol, _fields)
listing("elbv2", "DescribeListeners", "Listeners", _row, _listeners, MARKERS)
_row = varied("elbv2", "DescribeRules", "Rules", _RULES, lambda place, n: n < place.n["aws_lb_listener"], _rule_fields)
listing("elbv2", "DescribeRules", "Rules", _row, _rules, MARKERS)


@answers("elbv2", "DescribeListenerCertificates")
def _certificates(place: Place, params: Params) -> str:
    number = _listener(place, params)
    return place.fill(
        _CERTIFICATES if _protocol(place, number) == "HTTPS" else _NO_CERTIFICATES, _fields(place, number)
    )
