"""All Ops on matrices, a row each: a new Op is tested by adding its row."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
import scipy.linalg
from oracles import complex_normal

import unitarygraph as ug
from unitarygraph.core.layout import plain
from unitarygraph.ops.cayley import Cayley, CayleyDerivative, ShiftedSolve
from unitarygraph.ops.determinant import DetPhase
from unitarygraph.ops.dft import DFT
from unitarygraph.ops.expm.skew import ExpmSkew, SkewFrechet
from unitarygraph.ops.lyapunov import Lyapunov
from unitarygraph.ops.polar import Polar
from unitarygraph.ops.positive import PositiveGuard, PositiveLog, PositiveRoot
from unitarygraph.ops.qr import LowerHermitian
from unitarygraph.ops.rotations import Rotations
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.ops import HConj, MatMul, Quotient, Solve


@dataclass(frozen=True)
class Row:
    """An Op as a function of stored tensors, with input for it and a NumPy reference.

    ``function(*inputs, field)`` gives one tensor or a tuple; ``draw(rng, m, n)`` NumPy complex
    matrices, which the real field takes the real parts of; ``reference`` its value in NumPy.
    """

    function: Callable[..., Any]
    draw: Callable[..., tuple]
    reference: Callable[..., Any]
    tall: bool = False
    second: bool = True
    # The value at an argument h off its set is exact to this times h^2, and may jump by as much.
    rough: float = 0
    # Whether NaN and infinities go where sums and products take them, not to the whole matrix.
    arithmetic: bool = False

    def outputs(self, *inputs, field):
        """The outputs as a tuple."""
        result = self.function(*inputs, field=field)
        return tuple(map(plain, result if isinstance(result, (tuple, list)) else (result,)))


def general(rng, m, n):
    return (complex_normal(rng, m, n),)


def pair(rng, m, n):
    return complex_normal(rng, n, n), complex_normal(rng, n, n)


def tall_pair(rng, m, n):
    return complex_normal(rng, m, n), complex_normal(rng, m, n)


def skew(rng, m, n):
    z = complex_normal(rng, n, n)
    return ((z - z.conj().T) / 2,)


def hermitian(rng, m, n):
    z = complex_normal(rng, n, n)
    return ((z + z.conj().T) / 2,)


def unitary(rng, m, n):
    """Exponential of a small real skew part plus a small imaginary one: unitary in both fields."""
    z = rng.standard_normal((n, n))
    x = (z - z.T) / (4 * max(1, np.linalg.norm(z - z.T, 2)))
    return (scipy.linalg.expm(2 * x).astype(complex),)


def complex_unitary(rng, m, n):
    (a,) = skew(rng, m, n)
    return (scipy.linalg.expm(a / max(1, np.linalg.norm(a, 2))),)


def positive(rng, m, n):
    z = complex_normal(rng, n, n)
    return (z @ z.conj().T + np.eye(n), complex_normal(rng, n, n))


def definite(rng, m, n):
    return positive(rng, m, n)[:1]


def numpy_qr(a):
    q, r = np.linalg.qr(a)
    d = np.diagonal(r)
    phase = d / np.abs(d)
    return q * phase, phase.conj()[:, None] * r


def numpy_eigh(a):
    w, v = np.linalg.eigh(a)
    pivot = v[np.argmax(np.abs(v), axis=0), np.arange(len(w))]
    return w, v * (np.abs(pivot) / pivot)


def numpy_copyltu(a):
    lower = np.tril(a, -1)
    return lower + lower.conj().T + np.diag(np.diagonal(a).real)


def numpy_upper(a):
    upper = np.triu(a, 1)
    return upper - upper.conj().T + 1j * np.diag(np.diagonal(a).imag)


def row_and_angles(rng, m, n):
    """Rows, and two layers' theta and phi as real and imaginary part."""
    return complex_normal(rng, m, n), complex_normal(rng, min(2, m), n // 2)


def power_of_two(rng, m, n):
    """As `row_and_angles` with all layers of the FFT form of the first power of two from n on."""
    layers = max(n - 1, 0).bit_length()
    n = 2**layers if n else 0
    return complex_normal(rng, m, n), complex_normal(rng, layers, n // 2)


def rotate(h, a, field, style):
    angles = [ug.stacked.real(a), ug.stacked.imag(a)] if field == "complex" else [a]
    return Rotations(field, style)(h, *angles)


def numpy_rotations(h, a, style="tunable"):
    """Rows times the layers' matrices, each written entry by entry."""
    n = h.shape[1]
    for layer, angles in enumerate(a):
        if style == "tunable":
            pairs = [(i, i + 1) for i in range(layer % 2, n - 1, 2)]
        else:
            stride = n // 2 ** (layer + 1)
            pairs = [(i, i + stride) for i in range(n) if i // stride % 2 == 0]
        F = np.eye(n, dtype=complex)
        for (i, j), z in zip(pairs, angles, strict=False):
            e = np.exp(1j * z.imag)
            F[i, i], F[i, j] = e * np.cos(z.real), -e * np.sin(z.real)
            F[j, i], F[j, j] = np.sin(z.real), np.cos(z.real)
        h = h @ F
    return h


def lyapunov(p, c, field):
    p = algebra(field).hermitian(pt.as_tensor(p))
    # The singular values and vectors of a positive definite matrix are its eigenpairs.
    _, _, w, v = Polar(field)(p)
    return Lyapunov(field)(p, w, v, c)


def skew_frechet(a, e, field, adjoint=False):
    a = algebra(field).skew_hermitian(pt.as_tensor(a))
    _, w, vh = ExpmSkew(field)(a)
    return SkewFrechet(field, adjoint)(a, w, vh, e)


def skew_and_direction(rng, m, n):
    return (*skew(rng, m, n), complex_normal(rng, n, n))


def cayley_derivative(a, e, field, adjoint=False):
    _, v = Cayley(field)(a)
    return CayleyDerivative(field, adjoint)(a, v, e)


def numpy_cayley_derivative(a, e, adjoint=False):
    v = np.linalg.inv(np.eye(len(a)) - a / 2)
    return v.conj().T @ e @ v.conj().T if adjoint else v @ e @ v


TABLE = {
    "hconj": Row(
        lambda a, field: HConj(field)(a), general, lambda a: a.conj().T, tall=True, arithmetic=True
    ),
    "matmul": Row(lambda a, b, field: MatMul(field)(a, b), pair, np.matmul, arithmetic=True),
    "solve": Row(lambda a, b, field: Solve(field)(a, b), pair, np.linalg.solve),
    "shifted_solve": Row(
        lambda a, b, field: ShiftedSolve(field)(a, b),
        pair,
        lambda a, b: np.linalg.solve(np.eye(len(a)) - a / 2, b),
    ),
    "skew_frechet": Row(
        skew_frechet, skew_and_direction, lambda a, e: scipy.linalg.expm_frechet(a, e)[1]
    ),
    "skew_frechet_adjoint": Row(
        lambda a, e, field: skew_frechet(a, e, field, adjoint=True),
        skew_and_direction,
        lambda a, e: scipy.linalg.expm_frechet(a.conj().T, e)[1],
    ),
    "expm": Row(lambda a, field: ug.expm(a, field=field), general, scipy.linalg.expm),
    "expm_skew": Row(lambda a, field: ug.expm(a, True, field), skew, scipy.linalg.expm),
    "expm_frechet": Row(
        lambda a, e, field: ug.expm_frechet(a, e, field=field),
        pair,
        lambda a, e: scipy.linalg.expm_frechet(a, e)[1],
    ),
    "logm": Row(lambda u, field: ug.logm(u, field=field), unitary, scipy.linalg.logm, rough=10),
    "logm_complex": Row(
        lambda u, field: ug.logm(u, field=field), complex_unitary, scipy.linalg.logm, rough=10
    ),
    "qr": Row(lambda a, field: ug.qr(a, field=field), general, numpy_qr, tall=True),
    "polar": Row(lambda a, field: ug.polar(a, field=field), general, scipy.linalg.polar, tall=True),
    "eigh": Row(lambda a, field: ug.eigh(a, field=field), hermitian, numpy_eigh),
    "cayley": Row(
        lambda a, field: ug.cayley(a, field=field),
        general,
        lambda a: np.linalg.solve(np.eye(len(a)) - a / 2, np.eye(len(a)) + a / 2),
    ),
    "cayley_derivative": Row(cayley_derivative, pair, numpy_cayley_derivative),
    "cayley_derivative_adjoint": Row(
        lambda a, e, field: cayley_derivative(a, e, field, adjoint=True),
        pair,
        lambda a, e: numpy_cayley_derivative(a, e, adjoint=True),
    ),
    "lyapunov": Row(
        lyapunov, positive, lambda p, c: scipy.linalg.solve_continuous_lyapunov(p, c), second=False
    ),
    "det_phase": Row(
        # In both planes of all entries, as an output of the size that other rows have.
        lambda a, field: pt.zeros_like(a) + pt.shape_padright(DetPhase(field)(a), 3),
        general,
        lambda a: np.full(a.shape, (1 + 1j) * np.angle(np.linalg.det(a))),
    ),
    "positive_guard": Row(lambda a, field: PositiveGuard(field)(a), definite, lambda a: a),
    "positive_log": Row(
        lambda a, field: PositiveLog(field)(a)[0], definite, scipy.linalg.logm, second=False
    ),
    "positive_root": Row(lambda a, field: PositiveRoot(field)(a)[0], definite, scipy.linalg.sqrtm),
    "newton_schulz": Row(
        lambda x, field: ug.newton_schulz(x, field=field),
        general,
        lambda x: 1.5 * x - 0.5 * x @ x.conj().T @ x,
        tall=True,
    ),
    "dft": Row(
        lambda h, field: DFT(field)(h),
        general,
        lambda h: h @ scipy.linalg.dft(h.shape[1], scale="sqrtn"),
        tall=True,
        arithmetic=True,
    ),
    "inverse_dft": Row(
        lambda h, field: DFT(field, inverse=True)(h),
        general,
        lambda h: h @ scipy.linalg.dft(h.shape[1], scale="sqrtn").conj(),
        tall=True,
        arithmetic=True,
    ),
    "rotations": Row(
        lambda h, a, field: rotate(h, a, field, "tunable"),
        row_and_angles,
        numpy_rotations,
        tall=True,
    ),
    "rotations_fft": Row(
        lambda h, a, field: rotate(h, a, field, "fft"),
        power_of_two,
        lambda h, a: numpy_rotations(h, a, "fft"),
        tall=True,
    ),
    "quotient": Row(
        lambda a, b, field: Quotient(field)(a, b),
        tall_pair,
        lambda a, b: a / b,
        tall=True,
        arithmetic=True,
    ),
    "skew_from_upper": Row(
        lambda a, field: ug.skew_from_upper(a, field=field), general, numpy_upper
    ),
    "copyltu": Row(lambda a, field: LowerHermitian(field)(a), general, numpy_copyltu),
}

# Ops without a row, and the file of their own tests: results of another shape, or of values alone.
ELSEWHERE = {
    "Norm": "test_stacked.py",
    "Modulus": "test_stacked.py",
    "PivotMask": "test_pullbacks.py",
    "LogSoftmax": "test_log_softmax.py",
    "LogSoftmaxGrad": "test_log_softmax.py",
    "NearestPositive": "test_manifolds.py",
    "NearestSpecial": "test_manifolds.py",
    "StiefelLog": "test_manifolds.py",
}
# Rows whose input is of one field only.
COMPLEX_ONLY = {"det_phase", "quotient", "dft", "inverse_dft", "logm_complex"}
CASES = [
    (name, field)
    for name in TABLE
    for field in ("complex", "real")
    if not (field == "real" and name in COMPLEX_ONLY)
]
