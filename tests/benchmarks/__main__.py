"""`python -m tests.benchmarks`: prints a table, and with `--json FILE` writes the figures."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks import costs, echoes, lives
from tests.benchmarks.figures import Effort, Figure, markdown, private_place, table

MARK = "<!-- From here on written by python -m tests.benchmarks --page docs/speed.md. -->\n"
GROUPS: dict[str, Callable[[Effort], Iterator[Figure]]] = {
    "echoes": echoes.measure,
    "lives": lives.measure,
    "costs": costs.measure,
}


def main(arguments: list[str] | None = None) -> int:
    """Measures, and prints the table.

    Returns:
        0, whatever the figures are; 1 with `--check` where a target was missed.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="write them as JSON; - is the output")
    parser.add_argument("--page", metavar="FILE", help="write the table into a page, at its end")
    parser.add_argument("--only", choices=GROUPS, help="one group of figures")
    parser.add_argument("--quick", action="store_true", help="a tenth of the effort")
    parser.add_argument("--check", action="store_true", help="exit with 1 for a missed target")
    options = parser.parse_args(arguments)
    effort = Effort()
    if options.quick:
        effort = Effort(
            requests=200, rounds=3, echoes=5, starts=5, peers=200, idle=1.0, imports=3, watched=0.5
        )
    figures: list[Figure] = []
    with private_place():
        for name, measure in GROUPS.items():
            if options.only in (None, name):
                for figure in measure(effort):
                    print(f"  {figure.name}", file=sys.stderr, flush=True)
                    figures.append(figure)
    about = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "effort": {name: getattr(effort, name) for name in effort.__struct_fields__},
    }
    if options.page:
        write_page(Path(options.page), figures, about)
    document = json.dumps({**about, "figures": [each.row() for each in figures]}, indent=2)
    if options.json == "-":
        print(document)
    else:
        print(table(figures))
        if options.json:
            Path(options.json).write_text(document + "\n")
    return int(options.check and any(each.met is False for each in figures))


def write_page(page: Path, figures: list[Figure], about: dict[str, Any]) -> None:
    """Puts the table in the place of the one before."""
    where = (
        f"Measured {about['when']} with Python {about['python']} on Linux {about['kernel']}, "
        f"{about['cpus']} CPUs, at a load of {about['load']:.1f}.\n"
    )
    page.write_text(f"{page.read_text().partition(MARK)[0]}{MARK}\n{where}\n{markdown(figures)}")


if __name__ == "__main__":
    sys.exit(main())
