"""Time to the first training step of exprnn beyond imports, fresh processes, cold and warm cache."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace

from benchmarks.rows import Row, Target, within

DELAY, HIDDEN, BATCH = 80, 190, 32
SCAN = "pytensor.scan"


def child(side, field):
    """Print the seconds from the end of the imports to the end of the first step."""
    import unitarygraph as ug
    from benchmarks import ours
    from unitarygraph.ops.recurrence.scan import recurrence_scan

    unroll = {"op": ug.recurrence, "scan": recurrence_scan}[side]
    start = time.perf_counter()
    _, arrays, step = ours.copying_step(field, DELAY, HIDDEN, BATCH, unroll)
    step(*arrays)
    print(json.dumps(time.perf_counter() - start))


def seconds(side, field, folder):
    """Seconds of a fresh process whose caches lie in ``folder``."""
    flags = os.environ.get("PYTENSOR_FLAGS", "").split(",")
    kept = [flag for flag in flags if flag and "compiledir" not in flag]
    caches = {
        "PYTENSOR_FLAGS": ",".join([*kept, f"base_compiledir={folder}/pytensor"]),
        "NUMBA_CACHE_DIR": f"{folder}/numba",
    }
    command = [sys.executable, "-m", "benchmarks.compile", side, field]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | caches
    )
    return json.loads(done.stdout.splitlines()[-1])


def run(quick=False):
    """Two rows a field: first and second process."""
    rows = []
    for field in ("real",) if quick else ("real", "complex"):
        times = {}
        for name, side in {"unitarygraph": "op", SCAN: "scan"}.items():
            with tempfile.TemporaryDirectory() as folder:
                times[name] = [seconds(side, field, folder) for _ in range(2)]
        cold, warm = (
            Row(f"exprnn {field}, {cache}", {k: t[i] for k, t in times.items()}, unit="s")
            for i, cache in enumerate(("cold cache", "warm cache"))
        )
        limit = Target("under 3 s", warm.medians["unitarygraph"], 3, at_most=True)
        rows.append(replace(cold, targets=(within(cold, SCAN, 0.5),)))
        rows.append(replace(warm, targets=(limit,)))
    return rows


if __name__ == "__main__":
    child(*sys.argv[1:])
