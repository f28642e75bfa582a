"""`make bench`: every row, or those of the groups named, as a table; exit status 1 where one is below its target.

python -m benchmarks [GROUP ...] [--json FILE]
"""

import argparse
import dataclasses
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.rows import Row

GROUPS = {
    "heuristics": "benchmarks.heuristics:rows",
    "data-juicer": "benchmarks.heuristics:data_juicer_rows",
    "near-duplicates": "benchmarks.near_duplicates:rows",
    "concepts": "benchmarks.concepts:rows",
    "alignment": "benchmarks.alignment:rows",
    "scene": "benchmarks.scene:rows",
    "scene-quality": "benchmarks.scene:quality_rows",
    "writing": "benchmarks.writing:rows",
    "academic": "benchmarks.academic:rows",
    "loading": "benchmarks.loading:rows",
    "training": "benchmarks.training:rows",
    "gui": "benchmarks.gui:rows",
    "synthetic": "benchmarks.synthetic:rows",
    "ten-million": "benchmarks.near_duplicates:ten_million_rows",
    "dagster": "benchmarks.line:dagster_rows",
    "growth": "benchmarks.line:growth_rows",
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Ours against a peer, in CPU-seconds, in one run."
    )
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; all by default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    options = parser.parse_args()
    unknown = set(options.groups) - GROUPS.keys()
    if unknown:
        parser.error(f"no group {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch and OpenCV come
    rows = []
    for group in options.groups or GROUPS:
        module, function = GROUPS[group].split(":")
        measure: Callable[[], Iterator[Row]] = getattr(importlib.import_module(module), function)
        for row in measure():
            print(line(row), flush=True)
            rows.append(row)
            if options.json:
                options.json.write_text(json.dumps([dataclasses.asdict(r) | {"passed": r.passed} for r in rows], indent=1))
    short = [row.name for row in rows if not row.passed]
    print(f"\n{len(rows) - len(short)} of {len(rows)} rows meet their target" + "".join(f"\nbelow: {name}" for name in short))
    return 1 if short else 0


def line(row: Row) -> str:
    """Two lines: what and whether it does, then figures and note."""
    verdict = "" if not row.target else "ok" if row.passed else "BELOW"
    ratio = "" if row.ratio is None else f"{row.ratio:.3g}x"
    peer = "" if row.peer is None else f" against {row.peer:,.4g}"
    head = f"{row.name[:99]:<99} {ratio:>7} {row.target:>14} {verdict}".rstrip()
    note = f"; {row.note}" if row.note else ""
    return f"{head}\n    {row.ours:,.4g}{peer} {row.unit}{note}"


if __name__ == "__main__":
    sys.exit(main())
