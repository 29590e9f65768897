"""Classification of error codes and network failures. `calls` classifies each failure once, where the call was made.

Codes in capitals with underscores appear inside successful answers, which report failures of single items.
Sources of the codes: botocore's retry tables and error shapes, and AWS's documentation of common errors and throttling.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from collector.aws.remedies import CONFIGURATION, CREDENTIALS, code_of
from collector.faults import Reason, readable

THROTTLES = frozenset({
    "BandwidthLimitExceeded", "DependencyThrottle", "EC2ThrottledException", "PriorRequestNotComplete",
    "EVENTBRIDGE_THROTTLED", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled",
    "RequestThrottledException", "SSM_THROTTLED", "SlowDown", "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException",
})  # fmt: skip
DENIALS = frozenset({
    "ACCESS_DENIED", "AccessDenied", "AccessDeniedException", "AuthorizationError", "CloudHsmAccessDeniedException", "ForbiddenException",
    "UnauthorizedException", "UnauthorizedOperation",
})  # fmt: skip
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
NOT_SUBSCRIBED = frozenset({"OptInRequired", "SubscriptionRequiredException", "WAFInvalidAccountException"})
REGION_DISABLED = frozenset(
    {"AuthFailure", "InvalidClientTokenId", "RegionDisabledException", "UnrecognizedClientException"}
)
TRANSIENT = frozenset({
    "INTERNAL_ERROR", "InternalError", "InternalFailure", "InternalServerError", "RequestTimeout", "RequestTimeoutException",
    "ServiceUnavailable",
})  # fmt: skip
VANISHED = frozenset({
    "AWS.SimpleQueueService.NonExistentQueue", "CacheClusterNotFound", "ClusterNotFound", "ClusterNotFoundException",
    "DBClusterNotFoundFault", "DBClusterSnapshotNotFoundFault", "DBInstanceNotFound", "DBSnapshotNotFound", "FileSystemNotFound",
    "ITEM_DOES_NOT_EXIST", "ImageNotFoundException", "ListenerNotFound", "LoadBalancerNotFound", "MISSING", "MountTargetNotFound", "NoSuchBucket",
    "NoSuchConfigRuleException", "NoSuchDistribution", "NoSuchEntity", "NoSuchHostedZone", "NoSuchResource", "NotFound",
    "NotFoundException", "QueueDoesNotExist", "RESOURCE_NOT_FOUND", "ReplicationGroupNotFoundFault", "RepositoryNotFoundException", "ResourceNotFound",
    "ResourceNotFoundException", "RuleNotFound", "TableNotFoundException", "TargetGroupNotFound", "TrailNotFoundException",
    "WAFNonexistentItemException",
})  # fmt: skip
_EC2_VANISHED = re.compile(r"Invalid\w+\.(NotFound|Unavailable)")
_SCP = re.compile(r"service control polic", re.IGNORECASE)

NO_SUCH_HOST = "NoSuchHost"
"""The code of a call to a host name that does not exist."""

ARES_NOT_FOUND = 4
"""c-ares's `ARES_ENOTFOUND`: aiohttp resolves with c-ares if aiodns is installed."""

SERVER_ERROR = 500
TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Classification:
    """The classification of a failure; `message` is one line without credentials.

    `transient`: a retry may succeed. `expired`: a retry with new credentials may succeed. `unconnected`: no connection
    was established. `rejected`: AWS refused the parameters, so that only other ones may succeed.
    """

    reason: Reason
    code: str
    message: str
    transient: bool = False
    expired: bool = False
    unconnected: bool = False
    rejected: bool = False

    @property
    def throttled(self) -> bool:
        """Whether AWS rejected the call because of its rate."""
        return self.reason is Reason.THROTTLED


def classify(error: BaseException) -> Classification:
    """Classify an exception raised by a call, by building its client, or by obtaining its credentials.

    Raises:
        BaseException: `error` itself, if it comes neither from AWS nor from the network: a bug, or a `CallFailed`.
    """
    if code := code_of(error, CREDENTIALS):
        return Classification(Reason.EXPIRED, code, readable(str(error)))
    if code := code_of(error, CONFIGURATION):
        return Classification(Reason.ERROR, code, readable(str(error)))
    return _of_exchange(error)


def _of_exchange(error: BaseException) -> Classification:  # noqa: PLR0911  (a table)
    match error:
        case ClientError():
            return _of_response(error.response)
        case TimeoutError():
            return Classification(Reason.TIMEOUT, "DeadlineExceeded", "the call took longer than its deadline")
        case ConnectTimeoutError():
            return _network(error, Reason.UNREACHABLE, unconnected=True, transient=False)
        case EndpointConnectionError():
            return _unconnected(error)
        case ReadTimeoutError():
            return _network(error, Reason.TIMEOUT)
        case ResponseParserError():
            return _network(error, Reason.INVALID)
        case ParamValidationError():
            raise error
        case HTTPClientError() | BotoCoreError():
            return _network(error, Reason.ERROR)
    raise error


def classify_item(code: str, message: str) -> Classification:
    """Classify a failure of one item in a successful answer, by its code."""
    return _of_response({"Error": {"Code": code, "Message": message}})


def _of_response(response: dict[str, Any]) -> Classification:  # noqa: PLR0911  (as above)
    code = str(response.get("Error", {}).get("Code") or "Unknown")
    message = str(response.get("Error", {}).get("Message") or response.get("message") or "")
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    text = readable(message)
    if code in THROTTLES or status == TOO_MANY:
        return Classification(Reason.THROTTLED, code, text, transient=True)
    if code in EXPIRED:
        return Classification(Reason.EXPIRED, code, text, expired=True)
    if code in DENIALS:
        return Classification(Reason.DENIED_BY_SCP if _SCP.search(message) else Reason.DENIED, code, text)
    if code in NOT_SUBSCRIBED:
        return Classification(Reason.NOT_SUBSCRIBED, code, text)
    if code in REGION_DISABLED:
        return Classification(Reason.REGION_DISABLED, code, text)
    if code in VANISHED or _EC2_VANISHED.fullmatch(code):
        return Classification(Reason.VANISHED, code, text)
    # botocore uses the status as code if the body has none: it is truncated, or not from AWS.
    if code.isdigit() and status < SERVER_ERROR:
        return Classification(Reason.INVALID, code, text, transient=True)
    if code in TRANSIENT or status >= SERVER_ERROR:
        return Classification(Reason.ERROR, code, text, transient=True)
    return Classification(Reason.ERROR, code, text, rejected=True)


def _network(error: Exception, reason: Reason, *, transient: bool = True, unconnected: bool = False) -> Classification:
    return Classification(
        reason, type(error).__name__, readable(str(error)), transient=transient, unconnected=unconnected
    )


def _unconnected(error: EndpointConnectionError) -> Classification:
    if not _is_unknown_host(error.kwargs.get("error")):
        return _network(error, Reason.UNREACHABLE, unconnected=True)
    host = urlsplit(error.kwargs["endpoint_url"]).hostname
    return Classification(Reason.UNREACHABLE, NO_SUCH_HOST, f"no such host: {host}", unconnected=True)


def _is_unknown_host(error: object) -> bool:
    """Whether a name server said that the host name does not exist. A resolver that fails or times out says nothing."""
    cause = getattr(error, "os_error", error)  # aiohttp wraps the error of its resolver
    if isinstance(cause, socket.gaierror):
        return cause.errno == socket.EAI_NONAME
    ares = getattr(cause, "__cause__", None)
    if type(ares).__module__.startswith("aiodns"):
        return getattr(ares, "args", ())[:1] == (ARES_NOT_FOUND,)
    return "Name or service not known" in str(cause)
