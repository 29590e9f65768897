"""Every figure of README.md, or the parts that are named: `python -m bench [calls] [clients] [pipeline] [latency] [whole] [--write]`.

`--write` puts the tables between the markers of README.md. What needs a prompt of its own is run by name: `python -m bench.analysis`,
`bench.blocked`, `bench.rates`, `bench.upload`, `bench.accounts`.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from bench import calls, clients, latency, pipeline, whole
from bench.measure import README, Figure, machine, replaced, table

if TYPE_CHECKING:
    from collections.abc import Callable

PARTS: dict[str, Callable[[], list[Figure]]] = {
    "calls": calls.figures,
    "clients": clients.figures,
    "pipeline": pipeline.figures,
    "latency": latency.figures,
    "whole": whole.figures,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--profile", choices=("100k", "1m"), default="100k", help="the largest estate of `whole`")
    parser.add_argument("--write", action="store_true", help="write the tables into README.md")
    told = parser.parse_args()
    if unknown := set(told.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    measures: dict[str, Callable[[], list[Figure]]] = {**PARTS, "whole": partial(whole.figures, told.profile)}
    for name in told.parts or PARTS:
        where = machine()
        text = f"{table(measures[name]())}\n\n{where}"
        print(f"{name}\n\n{text}\n", flush=True)
        if told.write:
            README.write_text(replaced(README.read_text(encoding="utf-8"), name, text), encoding="utf-8")


if __name__ == "__main__":
    main()
