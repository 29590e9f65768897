"""Runs the server: ``python -m bench.canned``.

Prints one line of JSON with its URL when it is ready. Stops on SIGTERM, on SIGINT, or when a pipe on its standard input
closes.
"""

import argparse
import asyncio
import gc
import json
import os
import signal
import stat
import sys
from typing import Any

import uvloop

from .estate import Estate, Profile
from .profiles import NAMED
from .server import Connection, Server


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.canned", description="A canned AWS for benchmarks.")
    parser.add_argument("--profile", default="small", help=f"{', '.join(NAMED)}, or a JSON file")
    parser.add_argument("--count", action="append", default=[], metavar="TYPE=N", help="change one count (repeatable)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--keep", type=int, default=128, metavar="MB", help="size of the response cache")
    return parser.parse_args()


def _counts(texts: list[str]) -> dict[str, int]:
    return {kind: int(number) for kind, _, number in (text.partition("=") for text in texts)}


async def _serve(options: argparse.Namespace) -> None:
    estate = Estate(Profile.load(options.profile, **_counts(options.count)))
    server = Server(estate, options.keep * 1_000_000)
    # Models and templates live until exit; the garbage collector must not traverse them during a measurement.
    gc.collect()
    gc.freeze()
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        await loop.connect_read_pipe(lambda: _Watch(stopped), sys.stdin)
    listener = await loop.create_server(lambda: Connection(server), options.host, options.port, backlog=4096)
    host, port = listener.sockets[0].getsockname()[:2]
    ready: dict[str, Any] = {"url": f"http://{host}:{port}", "pid": os.getpid(), "accounts": estate.accounts}
    print(json.dumps(ready), flush=True)
    await stopped.wait()
    listener.close()


class _Watch(asyncio.Protocol):
    def __init__(self, stopped: asyncio.Event) -> None:
        self._stopped = stopped

    def eof_received(self) -> None:
        self._stopped.set()

    def connection_lost(self, _: Exception | None) -> None:
        self._stopped.set()


if __name__ == "__main__":
    uvloop.run(_serve(_arguments()))
