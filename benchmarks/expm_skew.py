"""exp of a skew-Hermitian matrix and its gradient: ours against PyTorch's matrix_exp."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import torch

import unitarygraph as ug
from benchmarks.timing import compare, require_agreement
from unitarygraph import stacked

TARGET = 5
CASES = [(n, dtype) for dtype in ("complex64", "complex128") for n in (64, 190, 512)]


def contenders(n, dtype, rng):
    """Callables for ours, torch's and the bare eigendecomposition with its five products."""
    z = rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n))
    a = ((z - z.conj().T) / (2 * np.sqrt(n))).astype(dtype)
    g = (rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n))).astype(dtype)
    real = a.real.dtype.name

    A, G = stacked.matrix("A", (n, n), real), stacked.matrix("G", (n, n), real)
    U = ug.expm(A, skew_hermitian=True)
    f = pytensor.function([A, G], [U, pt.grad((U * G).sum(), A)], trust_input=True)
    stored = [stacked.from_complex(x) for x in (a, g)]

    ta, tg = torch.from_numpy(a).requires_grad_(), torch.from_numpy(g)

    def peer():
        ta.grad = None
        u = torch.linalg.matrix_exp(ta)
        u.backward(tg)
        return u, ta.grad

    def floor():
        w, v = np.linalg.eigh(-1j * a)
        b = v
        for _ in range(5):
            b = b @ v
        return w, b

    ours = [stacked.to_complex(x) for x in f(*stored)]
    u, gradient = (x.detach().numpy() for x in peer())
    rtol = 1e4 * np.finfo(real).eps
    require_agreement(f"n={n} {dtype}", ours[0], u, rtol)
    # Ours is the gradient within the skew-Hermitian matrices: the same along every one of them.
    require_agreement(f"n={n} {dtype}", ours[1], (gradient - gradient.conj().T) / 2, rtol)
    return {"unitarygraph": lambda: f(*stored), "torch": peer, "eigh + 5 products": floor}


def run():
    """Rows of all cases."""
    rng = np.random.default_rng(0)
    return [
        compare(
            f"n={n}, {dtype}",
            contenders(n, dtype, rng),
            repeats=5 if n > 200 else 15,
            target=TARGET,
            peer="torch",
        )
        for n, dtype in CASES
    ]
