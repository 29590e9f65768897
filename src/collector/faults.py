"""The classified failure of a call. Its reason is decided once, where the call is made."""

from __future__ import annotations

import re
from enum import StrEnum
from html.parser import HTMLParser

_SECRETS = re.compile(
    r"(?i)(x-amz-security-token|x-amz-signature|authorization|signature|secret\w*|token)([=:]\s*)[^\s&,]+"
)

_HTML = re.compile(r"(?i)<(!doctype\s+html|html|head|body|title)\b")
_ESCAPED_SPACE = re.compile(r"\\[nrt]")

MESSAGE_LENGTH = 500
"""Longest message, in characters."""


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


def readable(text: str) -> str:
    """A message in one line of at most `MESSAGE_LENGTH` characters, without credentials.

    Of an HTML page, as proxies and load balancers send it, only the text is kept.
    """
    start = _HTML.search(text)
    if start:
        # a parser's message quotes the page as Python bytes, with `\\n` in it
        text = text[: start.start()] + _text_of(_ESCAPED_SPACE.sub(" ", text[start.start() :]))
    line = " ".join(redact(text).split())
    return line if len(line) <= MESSAGE_LENGTH else f"{line[: MESSAGE_LENGTH - 1]}…"


class _PageText(HTMLParser):
    """Collects the text of a page, without scripts and styles. Repeated texts count once: titles recur as headings."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, None] = {}
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._hidden = max(0, self._hidden - 1)

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if text and not self._hidden:
            self.texts[text] = None


def _text_of(page: str) -> str:
    parser = _PageText()
    parser.feed(page)
    parser.close()
    return " ".join(parser.texts)
