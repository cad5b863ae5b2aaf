"""`python -m benchmarks [NAME ...] [--quick] [--output FILE]`"""

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import book, measure, training
from benchmarks.measure import line, report, write

BENCHMARKS = {
    "epoch": training.epoch,
    "best_keras": training.best_keras,
    "one_thread": training.one_thread,
    "by_hand": training.by_hand_loop,
    "fresh": training.fresh,
    "seeds": training.seeds,
    "growth": training.growth,
    "memory": training.memory,
    "xla_rule": training.xla_rule,
    "setup_cell": book.setup_cell,
    "quick_edition": book.quick_edition,
}


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"any of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="6,000 images, fewer pairs, no bars")
    parser.add_argument("--output", default="_build/bench.json")
    parser.add_argument(
        "--patience",
        type=float,
        default=0,
        metavar="SECONDS",
        help="how long each row may wait for other processes to be quiet",
    )
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]!r}: choose from {', '.join(BENCHMARKS)}")
    measure.patience = arguments.patience
    rows = []
    for name in arguments.names or BENCHMARKS:
        for row in BENCHMARKS[name](arguments.quick):
            report()
            print(line(row), flush=True)
            rows.append(row)
            write(rows, arguments.output)
    missed = [row.name for row in rows if row.bar and row.ratio < float(row.bar.split()[-1])]
    print(f"{len(rows)} rows in {arguments.output}; below their bar: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
