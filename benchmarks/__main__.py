"""``python -m benchmarks NAME [--json FILE]``, NAME one of `BENCHMARKS` or ``all``."""

import argparse
import json
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from benchmarks.timing import machine, print_rows

BENCHMARKS = ("expm_skew", "train_step")


def main():
    """Run the benchmarks named, print their tables and write them as JSON where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=[*BENCHMARKS, "all"])
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    names = BENCHMARKS if options.name == "all" else (options.name,)
    results = {}
    for name in names:
        module = import_module(f"benchmarks.{name}")
        results[name] = module.run()
        print_rows(module.__doc__.splitlines()[0], results[name])
    if options.json is not None:
        figures = {name: [asdict(row) for row in rows] for name, rows in results.items()}
        options.json.write_text(json.dumps({"machine": machine(), **figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
