from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.faults import MESSAGE_LENGTH, readable

NGINX = (
    "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n"
    "<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>"
)
PROXY = """<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN">
<html><head><style>body { color: red }</style><script>if (a < b) { alert("</p>") }</script><title>Blocked</title></head>
<body><p>Your request to <b>sts</b> was blocked by&nbsp;policy &lt;7&gt;.</p><p>Ask IT.</body></html>"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (NGINX, "503 Service Temporarily Unavailable nginx"),
        (NGINX.upper(), "503 SERVICE TEMPORARILY UNAVAILABLE NGINX"),
        (PROXY, "Blocked Your request to sts was blocked by policy <7>. Ask IT."),
        (
            f"invalid XML received. Further retries may succeed:\n{NGINX.encode()!r}",
            "invalid XML received. Further retries may succeed: b'503 Service Temporarily Unavailable nginx '",
        ),
        ("<html><head><title>torn", "torn"),
        ("<html></html>", ""),
        ("two\nlines", "two lines"),
        ("a < b and b > c, <Error>, <key>", "a < b and b > c, <Error>, <key>"),
        ("<html><p>token=s3cr3t", "token=REDACTED"),
        ("x" * 600, "x" * 499 + "…"),
        ("<body>" + "long " * 200, "long " * 99 + "long…"),
    ],
)
def test_a_message_is_one_line_of_text(text, line):
    assert readable(text) == line


@given(st.text(), st.sampled_from(["", "<html>", "<!doctype html><title>"]))
def test_any_message_is_one_short_line(text, start):
    line = readable(start + text)
    assert len(line) <= MESSAGE_LENGTH
    assert len(line.splitlines()) <= 1
    assert readable(line) == line or "<" in line
