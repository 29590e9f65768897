"""Runs the sample estate's server in a child process and points the AWS settings of this process at it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

SETTINGS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
"""Environment variables that replace all AWS settings of the user."""


class MissingExtraError(RuntimeError):
    """moto is not installed."""


@contextmanager
def sample_estate() -> Iterator[str]:
    """Starts a server with the seeded estate and yields its URL; the server stops when the context exits.

    Removes every `AWS_` variable from this process's environment and sets `SETTINGS` and `AWS_ENDPOINT_URL`.

    Raises:
        MissingExtraError: The extra `demo` is not installed.
        RuntimeError: The server did not start.
    """
    if find_spec("moto") is None:
        raise MissingExtraError("the demo needs moto: install collector[demo]")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    server = subprocess.Popen(
        [sys.executable, "-m", "collector.demo.server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        ready = server.stdout.readline() if server.stdout else ""
        if not ready:
            raise RuntimeError(f"the demo's server did not start (exit code {server.wait()})")
        url = json.loads(ready)["url"]
        os.environ.update(SETTINGS, AWS_ENDPOINT_URL=url)
        yield url
    finally:
        if server.stdin:
            server.stdin.close()
        server.terminate()
        server.wait()
        if server.stdout:
            server.stdout.close()
