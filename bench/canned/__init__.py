"""A canned AWS in a process of its own: a synthetic estate behind the operations that the collector calls.

with canned_server("100k") as aws:
    subprocess.run([...], env={**os.environ, **aws.environment()})
    print(aws.stats()["cpu"])
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from .estate import resources

__all__ = ["Canned", "canned_server", "resources"]

_ROOT = Path(__file__).resolve().parents[2]
_TIMEOUT = 10


@dataclass(frozen=True, slots=True)
class Canned:
    """A running server."""

    url: str
    pid: int
    accounts: tuple[str, ...]

    def stats(self) -> dict[str, Any]:
        """Requests; calls, throttles and errors by operation; connections; bytes; and the CPU seconds of the server."""
        return self._get("/__stats")

    def control(self, **rules: str | float) -> dict[str, Any]:
        """Changes the rules of the server (see ``Controls.change``); returns the statistics after that."""
        return self._get(f"/__control?{urlencode(rules)}")

    def environment(self, account: str = "", region: str = "us-east-1") -> dict[str, str]:
        """Environment variables that point an AWS SDK at this server (default account: the management account)."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": f"AKIA{account or self.accounts[0]}",
            "AWS_SECRET_ACCESS_KEY": "canned",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _get(self, path: str) -> dict[str, Any]:
        with urlopen(self.url + path, timeout=_TIMEOUT) as response:
            answer: dict[str, Any] = json.load(response)
        return answer


@contextmanager
def canned_server(profile: str = "small", **counts: int) -> Iterator[Canned]:
    """Runs a server on a free loopback port until the context exits.

    Args:
        profile: The name of a profile, or the path of a JSON file.
        counts: Changes to the profile's counts by type; ``accounts`` is the number of accounts.

    Raises:
        RuntimeError: The server did not start.
        subprocess.TimeoutExpired: The server did not stop when its standard input closed.
    """
    command = [sys.executable, "-m", "bench.canned", "--profile", profile]
    for kind, number in counts.items():
        command += ["--count", f"{kind}={number}"]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the canned server did not start: {' '.join(command)}")
            ready = json.loads(line)
            yield Canned(ready["url"], ready["pid"], tuple(ready["accounts"]))
        finally:
            process.stdin.close()
            try:
                process.wait(_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
