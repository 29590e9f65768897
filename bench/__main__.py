"""Measures the tables of README.md: `python -m bench [calls] [clients] [pipeline] [latency] [whole] [--write]`.

`--write` replaces the tables in README.md. These are run separately: `python -m bench.analysis`, `bench.blocked`,
`bench.rates`, `bench.upload`, `bench.accounts`.
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
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(PARTS)}; default: all")
    parser.add_argument(
        "--profile", choices=("100k", "1m"), default="100k", help="the largest estate measured by `whole`"
    )
    parser.add_argument("--write", action="store_true", help="write the tables into README.md")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    measures: dict[str, Callable[[], list[Figure]]] = {**PARTS, "whole": partial(whole.figures, options.profile)}
    for name in options.parts or PARTS:
        where = machine()
        text = f"{table(measures[name]())}\n\n{where}"
        print(f"{name}\n\n{text}\n", flush=True)
        if options.write:
            README.write_text(replaced(README.read_text(encoding="utf-8"), name, text), encoding="utf-8")


if __name__ == "__main__":
    main()
