"""AWS's throttling and failure responses by service and protocol, and a token bucket."""

import json
import time
from xml.sax.saxutils import escape

from .answers import AwsError
from .routes import Operation
from .wire import REQUEST_ID

_THROTTLES = {
    "account": ("TooManyRequestsException", 429),
    "apigateway": ("TooManyRequestsException", 429),
    "apigatewayv2": ("TooManyRequestsException", 429),
    "ec2": ("RequestLimitExceeded", 503),
    "lambda": ("TooManyRequestsException", 429),
    "organizations": ("TooManyRequestsException", 400),
    "s3": ("SlowDown", 503),
    "s3control": ("SlowDown", 503),
    "sqs": ("RequestThrottled", 400),
}
_BY_PROTOCOL = {"query": "Throttling", "rest-xml": "Throttling"}


def throttle(operation: Operation) -> AwsError:
    """The service's throttling error."""
    code, status = _THROTTLES.get(operation.service) or (
        _BY_PROTOCOL.get(operation.protocol, "ThrottlingException"),
        429 if operation.protocol == "rest-json" else 400,
    )
    return AwsError(code, "Rate exceeded", status)


def failure(operation: Operation) -> AwsError:
    """The service's internal error."""
    json_like = "json" in operation.protocol
    return AwsError("InternalServerError" if json_like else "InternalError", "An internal error occurred.", 500)


def error_body(operation: Operation, fault: AwsError) -> tuple[str, str]:
    """The body of an error response in the operation's protocol, and its additional header lines."""
    code, message = fault.code, escape(fault.message)
    match operation.protocol:
        case "ec2":
            error = f"<Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            return f"<Response>{error}<RequestID>{REQUEST_ID}</RequestID></Response>", ""
        case "rest-xml" if operation.service == "s3":
            error = f"<Code>{code}</Code><Message>{message}</Message><RequestId>{REQUEST_ID}</RequestId>"
            return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{error}<HostId>canned</HostId></Error>', ""
        case "query" | "rest-xml":
            kind = "Receiver" if fault.status >= 500 else "Sender"  # noqa: PLR2004 - server errors
            error = f"<Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            return f"<ErrorResponse>{error}<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>", ""
        case "json":
            header = f"x-amzn-query-error: {code};Sender\r\n" if operation.service == "sqs" else ""
            return json.dumps({"__type": code, "message": fault.message}), header
        case _:
            return json.dumps({"message": fault.message}), f"x-amzn-ErrorType: {code}\r\n"


class TokenBucket:
    """A token bucket that refills at `rate` tokens a second and holds at most `burst`."""

    __slots__ = ("burst", "rate", "since", "tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self.rate = rate
        self.burst = burst
        self.tokens = burst
        self.since = time.monotonic()

    def take(self) -> bool:
        """Takes a token; returns whether there was one."""
        now = time.monotonic()
        self.tokens = min(self.burst, self.tokens + (now - self.since) * self.rate)
        self.since = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
