"""Small matrices, one and many: value and gradient of every Op, by n and batch."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytensor
import pytensor.tensor as pt

import unitarygraph as ug
from benchmarks import ours, samples
from benchmarks.machine import have
from benchmarks.rows import Row, Target, faster
from benchmarks.timing import compare, require_agreement, seconds_a_call

SIZES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 190, 256, 512)
BATCHES = (1, 100, 1_000, 10_000)
#: entries of all matrices above which a batch is left out
LARGEST = 4_000_000
#: the page shows ratios to this peer instead of all figures
RATIOS_TO = "torch"
DTYPES = ("complex128", "complex64")


@dataclass(frozen=True)
class Case:
    """An Op beside its peers: functions of one array of matrices ``(..., n, n)``, and what is drawn.

    `torch` and `jax` name functions of `peers_torch` and `peers_jax`; `numpy` computes the value
    alone. The limits are how many times faster than PyTorch it is to be: batches of 10,000 of n <= 8,
    of 1,000 of 16 and 32.
    """

    ours: Callable
    numpy: Callable
    draw: Callable
    many: float
    middle: float


def draw_general(rng, shape, dtype):
    """Matrices of spectral radius about one."""
    return samples.normal(rng, shape, dtype) / np.sqrt(2 * shape[-1]).astype(dtype).real


def draw_skew(rng, shape, dtype):
    """Skew-Hermitian matrices of norm about one."""
    a = draw_general(rng, shape, dtype)
    return (a - a.conj().swapaxes(-1, -2)) / 2


def draw_hermitian(rng, shape, dtype):
    """Hermitian matrices of norm about one."""
    a = draw_general(rng, shape, dtype)
    return (a + a.conj().swapaxes(-1, -2)) / 2


def draw_invertible(rng, shape, dtype):
    """The identity and half of a general matrix."""
    return np.eye(shape[-1], dtype=dtype) + draw_general(rng, shape, dtype) / 2


def _scipy_expm(a):
    from scipy.linalg import expm

    return expm(a)


def _numpy_polar(a):
    w, _, vh = np.linalg.svd(a, full_matrices=False)
    return w @ vh


def _numpy_cayley(a):
    eye = np.eye(a.shape[-1], dtype=a.dtype)
    return np.linalg.solve(eye - a / 2, eye + a / 2)


CASES = {
    "expm": Case(
        lambda A: ug.expm(A, skew_hermitian=False, field="complex"),
        _scipy_expm, draw_general, many=5, middle=3,
    ),
    "expm_skew": Case(
        lambda A: ug.expm(A, skew_hermitian=True, field="complex"),
        _scipy_expm, draw_skew, many=5, middle=3,
    ),
    "qr": Case(
        lambda A: ug.qr(A, field="complex")[0],
        lambda a: np.linalg.qr(a)[0], draw_invertible, many=2, middle=1.2,
    ),
    "polar": Case(
        lambda A: ug.polar(A, field="complex")[0],
        _numpy_polar, draw_invertible, many=3, middle=1.8,
    ),
    "cayley": Case(
        lambda A: ug.cayley(A, field="complex"),
        _numpy_cayley, draw_skew, many=3, middle=1.8,
    ),
    "eigh": Case(
        lambda A: ug.eigh(A, field="complex")[0],
        np.linalg.eigvalsh, draw_hermitian, many=3, middle=1.8,
    ),
    "solve": Case(
        lambda A: ug.stacked.solve(A, A + ug.stacked.hconj(A)),
        lambda a: np.linalg.solve(a, a + a.conj().swapaxes(-1, -2)), draw_invertible,
        many=1, middle=1,
    ),
}  # fmt: skip


def contenders(name, n, batch, dtype, rng, jax):
    """Callables of value and gradient for ours, PyTorch's and JAX's; of the value for NumPy's."""
    case = CASES[name]
    shape = (n, n) if batch == 1 else (batch, n, n)
    a = case.draw(rng, shape, dtype)
    out = case.numpy(a)
    g = samples.normal(rng, out.shape, out.dtype)
    found = {"unitarygraph": ours.value_and_gradient(case.ours, a, g)}
    stacked = np.iscomplexobj(out)
    value, gradient = found["unitarygraph"]()
    value = ug.stacked.to_complex(value) if stacked else value
    mine = value, ug.stacked.to_complex(gradient)
    rtol = 1e4 * np.finfo(dtype).eps * np.sqrt(n)
    where = f"{name}, n={n}, batch {batch}, {dtype}"
    if have("torch"):
        from benchmarks import peers_torch

        found["torch"] = peers_torch.value_and_gradient(peers_torch.SMALL[name], a, g)
        theirs = found["torch"]()
        require_agreement(where, mine[:1], theirs[:1], rtol)
        gradients = mine[1], theirs[1]
        if name == "expm_skew":  # ours stays among skew-Hermitian matrices
            gradients = tuple((x - x.conj().swapaxes(-1, -2)) / 2 for x in gradients)
        require_agreement(where, gradients[:1], gradients[1:], 100 * rtol)
    if jax and have("jax"):
        from benchmarks import peers_jax

        found["jax"] = peers_jax.value_and_gradient(peers_jax.SMALL[name], a, g)
        require_agreement(where, mine[:1], found["jax"]()[:1], rtol)
    found["numpy, value"] = lambda: case.numpy(a)
    return found


def limits(case, n, batch, row):
    """What the issue asks of a size: a factor over PyTorch, and over JAX."""
    if batch == 10_000 and n in (2, 3, 4, 8):
        return faster(row, "torch", case.many), faster(row, "jax", 2)
    if batch == 1_000 and n in (16, 32):
        return faster(row, "torch", case.middle), faster(row, "jax", 1)
    return (faster(row, "torch", 1),)


def overhead(name, n, mode, count=100):
    """Microseconds of one Op's value and gradient in a compiled graph of ``count`` of them."""
    rng = np.random.default_rng(0)
    case = CASES[name]
    arrays = [ours.store(case.draw(rng, (n, n), "complex128")) for _ in range(count)]
    symbols = [
        pt.tensor(f"matrix {i}", dtype="float64", shape=a.shape) for i, a in enumerate(arrays)
    ]
    outputs = [ours.plain(case.ours(x)) for x in symbols]
    gradients = pt.grad(sum((y * y[::-1]).sum() for y in outputs), symbols)
    f = pytensor.function(symbols, [*outputs, *gradients], mode=mode, trust_input=True)
    f.vm.allow_gc = False
    f(*arrays)
    return min(seconds_a_call(lambda: f(*arrays)) for _ in range(5)) / count * 1e6


def run(quick=False):
    """A row an Op, size, batch and dtype, and the overhead of a call."""
    rng = np.random.default_rng(0)
    rows = []
    for name, case in CASES.items():
        for mode, limit in (("NUMBA", 15), ("FAST_COMPILE", 60)):
            for n in (8,) if quick else (2, 4, 8):
                if quick and mode == "NUMBA":
                    continue
                us = overhead(name, n, mode, 10 if quick else 100)
                target = Target(f"at most {limit} us", us, limit, at_most=True)
                where = f"{name}, one of 100 in a graph, n={n}, {mode}"
                rows.append(Row(where, {"unitarygraph": us}, targets=(target,), unit="us"))
        for dtype in DTYPES[:1] if quick else DTYPES:
            for batch in BATCHES[1:2] if quick else BATCHES:
                for n in SIZES[:1] if quick else SIZES:
                    if batch * n * n > LARGEST or (batch == 1_000 and n not in (16, 32)):
                        continue
                    jax = batch >= 1_000
                    found = contenders(name, n, batch, dtype, rng, jax)
                    series = f"{name}, {dtype}, batch {batch:,}"
                    row = compare(
                        f"{series}, n={n}", found, 1 if quick else 3, series=series, axis="n", at=n
                    )
                    rows.append(replace(row, targets=limits(case, n, batch, row)))
    return rows
