"""Peak memory of a training step of the complex exprnn, a process each."""

import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace

from benchmarks.machine import have
from benchmarks.rows import Row, within

DELAY, HIDDEN, BATCH = 1000, 190, 128


def peak():
    """Peak resident memory of this process in MB."""
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6


def child(side, delay, file):
    """Import, two training steps of one side; print the peaks after the imports and at the end.

    A side is "torch", or "ours" and the model's option ``memory``. Ours leaves parameters and batch in
    ``file``, from which PyTorch's side starts: its process has no PyTensor in memory.
    """
    import numpy as np

    if side == "torch":
        from benchmarks import peers_torch

        after_imports = peak()
        stored = dict(np.load(file))
        arrays = stored.pop("inputs"), stored.pop("targets")
        step = peers_torch.copying_step(stored, arrays)
    else:
        from benchmarks import ours
        from unitarygraph.training.process import keep_freed_memory

        # As `unitarygraph train` does: it is the larger figure of the two.
        keep_freed_memory()
        after_imports = peak()
        model, arrays, compiled = ours.copying_step(
            "complex", delay, HIDDEN, BATCH, memory=side.removeprefix("ours ")
        )
        values = {p.name: p.get_value() for p in model.params}
        np.savez(file, inputs=arrays[0], targets=arrays[1], **values)

        def step():
            return compiled(*arrays)

    for _ in range(2):
        step()
    print(json.dumps([after_imports, peak()]))


def measured(side, delay, file):
    """(peak after imports, peak of all) of a fresh process.

    A child's figure is never below its parent's, so nothing large is imported here.
    """
    command = [sys.executable, "-m", "benchmarks.memory", side, str(delay), file]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def run(quick=False):
    """Two rows for each of our memories: what the imports alone take, and the peak, with its target."""
    delay = 100 if quick else DELAY
    sides = {memory: f"ours {memory}" for memory in ("all", "sqrt")}
    if have("torch"):
        sides["torch"] = "torch"
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/step.npz"
        peaks = {name: measured(side, delay, file) for name, side in sides.items()}
    case = f"exprnn complex, copying L={delay}, n={HIDDEN}, B={BATCH}, float32"
    rows = []
    for memory, limit in {"all": 0.4, "sqrt": 0.3}.items():
        both = {"unitarygraph": peaks[memory]} | {k: p for k, p in peaks.items() if k == "torch"}
        imports = Row(f"{memory}, after the imports", {k: p[0] for k, p in both.items()}, unit="MB")
        row = Row(f"{case}, memory={memory}: peak", {k: p[1] for k, p in both.items()}, unit="MB")
        rows += [imports, replace(row, targets=(within(row, "torch", limit),))]
    return rows


if __name__ == "__main__":
    child(sys.argv[1], int(sys.argv[2]), sys.argv[3])
