"""The classified failure of a call. Its reason is decided once, where the call is made."""

from __future__ import annotations

import re
from enum import StrEnum

_SECRETS = re.compile(
    r"(?i)(x-amz-security-token|x-amz-signature|authorization|signature|secret\w*|token)([=:]\s*)[^\s&,]+"
)


class Reason(StrEnum):
    """Why something is missing; the `reason` of a problem in the run report."""

    DENIED = "denied"
    DENIED_BY_SCP = "denied_by_scp"
    NOT_SUBSCRIBED = "not_subscribed"
    REGION_DISABLED = "region_disabled"
    THROTTLED = "throttled"
    TIMEOUT = "timeout"
    UNREACHABLE = "endpoint_unreachable"
    VANISHED = "vanished"
    EXPIRED = "expired_credentials"
    INVALID = "invalid_response"
    ERROR = "error"


NOT_OFFERED = "NotOffered"
"""The code of a call that was not made, because AWS does not offer the service there. It is no failure to report."""


class CallFailed(Exception):  # noqa: N818  (an event to report, as often as an error)
    """A call failed permanently: it was retried where that helps, and is classified. The caller reports it."""

    def __init__(self, operation: str, reason: Reason, code: str, message: str, *, rejected: bool = False) -> None:
        """`operation` as `s3:GetBucketPolicy`; `code` and `message` as returned by AWS or the network.

        `rejected`: AWS refused the parameters of the call, so that other parameters may succeed.
        """
        super().__init__(f"{operation}: {reason}: {code}: {message}")
        self.operation = operation
        self.reason = reason
        self.code = code
        self.message = message
        self.rejected = rejected

    def is_one_of(self, codes: tuple[str, ...]) -> bool:
        """Whether this is one of the declared codes; `"Code: text"` also requires the text in the message."""
        for declared in codes:
            code, _, text = declared.partition(": ")
            if code == self.code and text.lower() in self.message.lower():
                return True
        return False


def redact(text: str) -> str:
    """Replace the value of everything that looks like a credential by `REDACTED`."""
    return _SECRETS.sub(r"\1\2REDACTED", text)
