"""What the two recurrence benchmarks share: contenders and rows."""

from dataclasses import replace
from importlib import import_module

import numpy as np

from benchmarks import floors, ours, samples
from benchmarks.machine import have
from benchmarks.rows import faster, within
from benchmarks.timing import compare, require_agreement

# T, n, B: the first has targets against its products, the others against the peers alone.
CASES = ((1020, 190, 128), (300, 512, 128), (1020, 64, 32))
FLOOR = "bare products"
# Relative differences allowed of gradients, in double and in single precision. Our complex modulus is
# sqrt(|z|^2 + 1e-5), the peers' the plain one, which is less work; the real modReLU jumps by 2b at 0,
# where rounding decides between two ways: float32 agrees as far as that goes.
AGREEMENT = {"complex128": 5e-3, "float64": 1e-9, "complex64": 5e-3, "float32": 5e-2}


def contenders(sizes, dtype):
    """Callables for ours, PyTorch's, JAX's and the bare products, agreement checked."""
    arrays = samples.recurrence(np.random.default_rng(0), *sizes, dtype)
    # JAX computes in 32 bits here.
    peers = [peer for peer in ("torch", "jax") if have(peer)]
    double = [x.astype(np.promote_types(x.dtype, "float64")) for x in arrays]
    agreeing(double, [peer for peer in peers if peer == "torch"])
    found = agreeing(arrays, peers)
    found[FLOOR] = floors.recurrence(arrays[0], arrays[1])
    return found


def agreeing(arrays, peers):
    """Callables of gradients for ours and these peers, which give the same to `AGREEMENT`."""
    dtype, like = arrays[0].dtype.name, (arrays[0], arrays[1], arrays[3])
    found = {"unitarygraph": ours.recurrence(*arrays)}
    gradients = [ours.load(x, y) for x, y in zip(found["unitarygraph"](), like, strict=True)]
    for peer in peers:
        found[peer] = import_module(f"benchmarks.peers_{peer}").recurrence(*arrays)
        case = f"{peer}, {arrays[0].shape}, {dtype}"
        require_agreement(case, gradients, found[peer](), AGREEMENT[dtype])
    return found


def rows(dtype, floor_limit, peer_limit, quick):
    """Rows of all cases with the targets of the field."""
    made = []
    for sizes in CASES[-1:] if quick else CASES:
        case = "T={}, n={}, B={}, {}".format(*sizes, dtype)
        row = compare(case, contenders(sizes, dtype), 1 if quick else 5)
        first = sizes == CASES[0]
        limit = peer_limit if first else 1
        targets = tuple(faster(row, peer, limit) for peer in ("torch", "jax"))
        if first:
            targets = (within(row, FLOOR, floor_limit), *targets)
        made.append(replace(row, targets=targets))
    return made
