"""Time and peak memory of long sequences by what is kept of the states, a process for each figure."""

import json
import subprocess
import sys
import time
from dataclasses import replace

from benchmarks.memory import peak
from benchmarks.rows import Row, Target

STEPS = (1000, 10_000, 100_000)
HIDDEN, BATCH, FEATURES = 128, 8, 2
MEMORY = ("sqrt", "all", "invert")
# MB at the longest sequence, and time a step over that of all states kept.
LARGEST, SLOWEST = 1000, 1.6


def gradients(field, memory, T):
    """Callable of the gradients of V, W and b of a loss of the last state: modReLU, W unitary, b >= 0."""
    import numpy as np
    import pytensor.tensor as pt
    from pytensor import function

    import unitarygraph as ug
    from benchmarks import ours, samples

    rng, dtype = np.random.default_rng(0), {"complex": "complex64", "real": "float32"}[field]
    arrays = (
        samples.normal(rng, (T, BATCH, FEATURES), "float32"),
        samples.normal(rng, (FEATURES, HIDDEN), dtype),
        samples.unitary(rng, HIDDEN, dtype),
        rng.uniform(0, 0.01, HIDDEN).astype("float32"),
    )
    x, V, W, bias = (ours.symbol("", a) for a in arrays)
    last = ug.nn.recurrent(x, V, W, bias=bias, states="last", memory=memory)
    f = function([x, V, W, bias], pt.grad(pt.sum(pt.sqr(last)), [V, W, bias]), trust_input=True)
    given = [ours.store(a) for a in arrays]
    return lambda: f(*given)


def child(field, memory, T):
    """Print the peak in MB and the least microseconds a step of three calls."""
    run, times = gradients(field, memory, T), []
    for _ in range(3):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) / T * 1e6)
    print(json.dumps([peak(), min(times)]))


def measured(field, memory, T):
    """Peak in MB and microseconds a step, of a fresh process."""
    command = [sys.executable, "-m", "benchmarks.long", field, memory, str(T)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def run(quick=False):
    """Two rows for each field and length: peaks, and time a step; ours is "sqrt"."""
    rows = []
    for field in ("real",) if quick else ("real", "complex"):
        for T in STEPS[:1] if quick else STEPS:
            found = {memory: measured(field, memory, T) for memory in MEMORY}
            case = f"{field}, T={T}, n={HIDDEN}, B={BATCH}, float32"
            peaks, times = ({k: pair[i] for k, pair in found.items()} for i in (0, 1))
            size = Row(f"{case}: peak", peaks, unit="MB")
            pace = Row(f"{case}: a step", times, unit="us")
            if STEPS[-1] == T:
                target = Target(f"sqrt below {LARGEST} MB", peaks["sqrt"], LARGEST, True)
                size = replace(size, targets=(target,))
            ratio = times["sqrt"] / times["all"]
            text = f"sqrt at most {SLOWEST}x all"
            rows += [size, replace(pace, targets=(Target(text, ratio, SLOWEST, True),))]
    return rows


if __name__ == "__main__":
    child(sys.argv[1], sys.argv[2], int(sys.argv[3]))
