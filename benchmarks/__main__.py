"""``python -m benchmarks NAME [--json FILE]``, NAME one of `BENCHMARKS`, ``all`` or ``page``."""

import argparse
import json
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from benchmarks.machine import cores, machine, use_threads
from benchmarks.page import load, ratios_to, write
from benchmarks.rows import as_json, summary, table

BENCHMARKS = (
    "expm_skew",
    "expm_general",
    "recurrence_complex",
    "recurrence_real",
    "train_step",
    "memory",
    "long",
    "compile",
    "start",
    "small",
    "gated",
    "retractions",
    "scaling",
    "structured",
    "optimizers",
)


def run_here(name, quick):
    """Run one benchmark in this process, print its table, return its figures."""
    module = import_module(f"benchmarks.{name}")
    rows = module.run(quick=quick)
    print(f"\n### {module.__doc__.splitlines()[0]}\n\n{table(rows)}", flush=True)
    return {name: [as_json(row) for row in rows]}


def run_apart(name, options):
    """Run one benchmark in a process of its own: memory and threads of one change the next."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "benchmarks", name, "--json", str(file)]
        command += ["--threads", str(options.threads)] + ["--quick"] * options.quick
        subprocess.run(command, check=True)
        return {name: json.loads(file.read_text())[name]}


def arguments():
    """The command line's parser."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=[*BENCHMARKS, "all", "page"])
    parser.add_argument("--json", type=Path, help="file to write figures to; page reads it")
    parser.add_argument("--threads", type=int, default=cores(), help="threads of every contender")
    parser.add_argument("--quick", action="store_true", help="smallest case, one repeat")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="where page writes")
    return parser


def main():
    """Run the benchmarks named, print their tables and write them as JSON where asked."""
    parser = arguments()
    options = parser.parse_args()
    if options.name == "page":
        if options.json is None:
            parser.error("page: --json FILE must name the figures of `all`")
        write(json.loads(options.json.read_text()), options.docs)
        return
    use_threads(options.threads)
    figures = {"machine": machine(), "command": "python -m benchmarks all --json figures.json"}
    if options.name == "all":
        for name in BENCHMARKS:
            figures |= run_apart(name, options)
        brief = [name for name in BENCHMARKS if ratios_to(name)]
        print(f"\n### All targets\n\n{summary(load(figures), brief)}")
    else:
        figures |= run_here(options.name, options.quick)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
