"""QR, polar and Cayley retractions of unitary and orthogonal matrices, with gradient."""

from dataclasses import replace

import numpy as np

from benchmarks import ours, samples
from benchmarks.machine import have
from benchmarks.rows import faster
from benchmarks.timing import compare, require_agreement
from unitarygraph.manifolds import Unitary

KINDS = ("qr", "polar", "cayley")
DTYPES = ("complex64", "complex128", "float32", "float64")
SIZES = (190, 512)


def contenders(kind, n, dtype, rng):
    """Callables for ours, PyTorch's and geoopt's, agreement checked.

    Gradients are compared within the tangent space: off it the maps may differ.
    """
    x, g = samples.unitary(rng, n, dtype), samples.normal(rng, (n, n), dtype)
    step = samples.skew_hermitian
    if kind == "polar" and not np.iscomplexobj(x):
        # Real tangents give x + u singular values in equal pairs, where PyTorch's SVD has gradient
        # NaN: the polar factor is compared along other directions.
        step = small_step
    u = x @ step(rng, n, dtype)
    manifold = Unitary(field="complex" if np.iscomplexobj(x) else "real")
    point = ours.store(x)
    found = {"unitarygraph": ours.value_and_gradient(lambda U: manifold.retr(point, U, kind), u, g)}
    if have("torch"):
        from benchmarks import peers_torch

        move = peers_torch.RETRACTIONS[kind]
        found["torch"] = peers_torch.retraction(move, x, u, g)
        if not np.iscomplexobj(x) and have("geoopt"):
            moves = peers_torch.geoopt_retractions()
            if kind in moves:
                found["geoopt"] = peers_torch.retraction(moves[kind], x, u, g)

    def comparable(value, gradient):
        turn = x.conj().T @ gradient
        return value, turn - turn.conj().T

    mine = comparable(*(ours.load(a, x) for a in found["unitarygraph"]()))
    # PyTorch's SVD divides by gaps of singular values.
    rtol = (1e6 if kind == "polar" else 1e4) * np.finfo(dtype).eps
    for peer in list(found)[1:]:
        theirs = comparable(*found[peer]())
        require_agreement(f"{kind}, {peer}, n={n}, {dtype}", mine, theirs, rtol)
    return found


def small_step(rng, n, dtype):
    """A general matrix of norm about a third."""
    return samples.general(rng, n, dtype) / 4


def run(quick=False):
    """Rows of all maps, dtypes and sizes."""
    rng = np.random.default_rng(0)
    rows = []
    for kind in KINDS:
        for dtype in DTYPES:
            for n in SIZES[:1] if quick else SIZES:
                found = contenders(kind, n, dtype, rng)
                row = compare(f"{kind}, n={n}, {dtype}", found, 1 if quick else 5)
                peers = ("torch", "geoopt") if "geoopt" in found else ("torch",)
                targets = tuple(faster(row, peer) for peer in peers)
                rows.append(replace(row, targets=targets))
    return rows
