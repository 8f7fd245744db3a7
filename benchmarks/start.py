"""From the command `unitarygraph train copying` to its first training step, cold and warm caches."""

import os
import subprocess
import sys
import tempfile
import time

from benchmarks.machine import have
from benchmarks.rows import Row, Target

MODELS = ("exprnn", "lstm", "gru")
#: seconds: cold for the unitary and the gated models, warm
COLD, GATED, WARM = 15, 25, 2.5


def seconds(model, backend, folder):
    """Seconds from the start of the process to its line of the first step."""
    flags = os.environ.get("PYTENSOR_FLAGS", "").split(",")
    kept = [flag for flag in flags if flag and "compiledir" not in flag]
    caches = {
        "PYTENSOR_FLAGS": ",".join([*kept, f"base_compiledir={folder}/pytensor"]),
        "NUMBA_CACHE_DIR": f"{folder}/numba",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "unitarygraph.cli", "train", "copying", "--model", model]
    command += ["--backend", backend, "--steps", "2", "--force", "--out", f"{folder}/run"]
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | caches
    ) as process:
        first = None
        for line in process.stdout:
            if line.startswith("step 1/") and first is None:
                first = time.perf_counter() - began
    if process.returncode or first is None:
        raise RuntimeError(f"{' '.join(command)} made no first step")
    return first


def run(quick=False):
    """Two rows a model: the first process and the median of three later ones."""
    rows = []
    backends = ["kernels", "numba", *(["jax"] if have("jax") else [])]
    for model in MODELS[:1] if quick else MODELS:
        first, later = {}, {}
        for backend in backends:
            with tempfile.TemporaryDirectory() as folder:
                first[backend] = seconds(model, backend, folder)
                times = sorted(seconds(model, backend, folder) for _ in range(1 if quick else 3))
                later[backend] = times[len(times) // 2]
        limit = COLD if model == "exprnn" else GATED
        cold = Target(f"under {limit} s", first["kernels"], limit, at_most=True)
        warm = Target(f"under {WARM} s", later["kernels"], WARM, at_most=True)
        rows.append(Row(f"{model}, cold caches", first, targets=(cold,), unit="s"))
        rows.append(Row(f"{model}, warm caches", later, targets=(warm,), unit="s"))
    return rows
