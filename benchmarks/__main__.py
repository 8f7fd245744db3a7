"""``python -m benchmarks NAME [--json FILE]``, NAME one of `BENCHMARKS` or ``all``."""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from benchmarks.timing import machine, print_rows

BENCHMARKS = ("expm_skew", "train_step")


def run_here(name):
    """Run one benchmark in this process, print its table, return its figures."""
    module = import_module(f"benchmarks.{name}")
    rows = module.run()
    print_rows(module.__doc__.splitlines()[0], rows)
    return {name: [asdict(row) for row in rows]}


def run_apart(name):
    """Run one benchmark in a process of its own: memory and threads of one change the next."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        subprocess.run([sys.executable, "-m", "benchmarks", name, "--json", str(file)], check=True)
        figures = json.loads(file.read_text())
    return {name: figures[name]}


def main():
    """Run the benchmarks named, print their tables and write them as JSON where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=[*BENCHMARKS, "all"])
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    figures = {"machine": machine()}
    if options.name == "all":
        for name in BENCHMARKS:
            figures |= run_apart(name)
    else:
        figures |= run_here(options.name)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
