"""Unitary matrices as products of reflections, and the reflectors of a given matrix."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.parametrizations.inverse import unitary_matrix
from unitarygraph.stacked import functions as stacked_functions
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.ops import Solve
from unitarygraph.stacked.typing import Array, Seed, Updates


class Householder(Parametrization):
    r""":math:`W = H_1 \cdots H_m\,\mathrm{diag}(e^{i\theta})`, :math:`H_j = I - 2 v_j v_j^H / |v_j|^2`.

    v_j has n+1-j trailing free entries, the others are zero: in the paper's numbering
    :math:`W = H_n(u_n) \cdots H_{n-m+1}(u_{n-m+1})`. They are the columns of V, ``(n, m)``, in which
    nothing is read above the diagonal: with f = n m - m(m-1)/2 there are f parameters in the real field
    and 2 f + n in the complex one, n^2 of which count when m = n (length and phase of v_j do not).

    A reflector that is zero stands for the identity and has gradient zero: it stays there (see
    `compact_wy` on how short is zero). None is drawn so; `set_value` makes them where it must.

    Which matrices it reaches: all of U(n) for m >= n-1, and all of O(n) for m = n, where the last
    reflector, of one entry, is a sign: a nonzero one is -1, so training keeps the determinant at
    (-1)^m. Without phases, complex reflections only reach matrices of determinant 1 or -1.

    W costs n m^2 + n^2 m by the compact WY form, `product` 2 n m for each row once U and K of m^2 n are
    there.

    Parameters
    ----------
    n : int
    reflections : m, from 1 to n, by default n
    phases : whether to multiply by the phases theta, drawn from U(-pi, pi); by default in the complex
        field, in the real one there are none
    normalize : whether `post_updates` gives the v_j unit length after each step, which does not change
        W but what a step of a given rate does to it; as published code does
    field, rng, dtype : as `Exp`
    name : the params are ``<name>/V`` and ``<name>/phases``

    V is drawn with Gaussian columns of unit length. Raises ValueError for m out of range and for phases
    in the real field.

    Source: Mhammedi, Hellicar, Rahman and Bailey (2017), "Efficient orthogonal parametrisation of
    recurrent neural networks using Householder reflections"; the phases and complex v are ours.
    """

    def __init__(
        self,
        n: int,
        *,
        reflections: int | None = None,
        phases: bool | None = None,
        normalize: bool = False,
        field: str = "complex",
        rng: Seed = None,
        dtype: Any = None,
        name: str = "W",
    ) -> None:
        super().__init__(n, field, dtype)
        m = n if reflections is None else reflections
        if not isinstance(m, int | np.integer) or isinstance(m, bool) or not 1 <= m <= n:
            raise ValueError(f"reflections: expected an integer from 1 to n = {n}, got {m!r}")
        if phases and field == "real":
            raise ValueError("phases: there are none with field='real', got phases=True")
        self.reflections, self.normalize = int(m), normalize
        rng = np.random.default_rng(rng)
        z = rng.standard_normal((n, m))
        if field == "complex":
            z = z + 1j * rng.standard_normal((n, m))
        z = np.tril(z)
        V = self._stored(z / np.linalg.norm(z, axis=0))
        self._V = self.parameter(V, f"{name}/V", Euclidean(field))
        self._phases: Any = None
        if phases or (phases is None and field == "complex"):
            self._phases = self.parameter(rng.uniform(-np.pi, np.pi, n), f"{name}/phases")

    def matrix(self) -> TensorVariable:
        U, K = compact_wy(plain(self._V), self.field)
        return self._turned(self.matrices.eye(self.n, self.dtype) - self.matrices.matmul(U, K))

    def product(self, h):
        U, K = compact_wy(plain(self._V), self.field)
        return self._turned(h - self.matrices.matmul(self.matrices.matmul(h, U), K))

    def product_hconj(self, h):
        """Row vectors times the adjoint, h W^H, in the shape of h."""
        matmul, hconj = self.matrices.matmul, self.matrices.hconj
        U, K = compact_wy(plain(self._V), self.field)
        if self._phases is not None:
            h = turned_columns(h, -self._phases)
        return h - matmul(matmul(h, hconj(K)), hconj(U))

    def own_free_parameters(self) -> int:
        """Entries of V that are read, with the phases."""
        n, m, planes = self.n, self.reflections, self.matrices.axes - 1
        return planes * (n * m - m * (m - 1) // 2) + n * (self._phases is not None)

    def set_value(self, W: Array) -> None:
        r"""Set reflectors and phases by the Householder QR decomposition of W, whose R is diagonal.

        Raises ValueError for a W that is not unitary and for one that is no product of m such
        reflections (and phases), naming how far the one found is; NotImplementedError for phases with
        m < n-1, where each column leaves the choice of a sign, most of which lead nowhere.
        """
        who = "Householder.set_value"
        m, phases = self.reflections, self._phases is not None
        W = unitary_matrix(who, W, self.n, self.field, self.dtype)
        if phases and m < self.n - 1:
            raise NotImplementedError(
                f"{who}: has no inverse map for {m} reflections and phases, only for "
                f"n - 1 = {self.n - 1} or n of them, or phases=False"
            )
        V, d = reflectors_of(W, m, phases)
        deviation = np.linalg.norm(reflected(V, np.diag(d)) - W)
        limit = self.n * np.finfo(self.dtype).eps ** 0.5
        if not deviation <= limit:
            raise ValueError(
                f"{who}: W must be a product of {m} reflections{' and phases' * phases}, got one at a "
                f"distance of {deviation:.2e} from that found, the limit is {limit:.1e}"
            )
        self._V.set_value(self._stored(V))
        if phases:
            self._phases.set_value(np.angle(d).astype(self.dtype))

    def own_post_updates(self, optimizer_state: Iterable[SharedVariable] = ()) -> Updates:
        """The reflectors at unit length if `normalize`; W stays as it is."""
        return {self._V: compact_wy(plain(self._V), self.field)[0]} if self.normalize else {}

    def _turned(self, A):
        return A if self._phases is None else turned_columns(A, self._phases)

    def _stored(self, V):
        return self.matrices.from_numpy(V).astype(self.dtype)


def compact_wy(V, field):
    r"""Matrices U, K with :math:`H_1 \cdots H_m = I - U K`, H_j the reflection of V's column j.

    V is ``(n, m)`` as stored; above its diagonal nothing is read, so column j reflects the last n-j
    coordinates. With U the columns at unit length, :math:`K = T^{-1} U^H`, T the strict upper triangle
    of :math:`U^H U` plus I/2: triangular, of diagonal 1/2, never singular. A column that is zero, or
    shorter than the root of tiny / epsilon (1e-146, in float32 3e-16), stands for I and gets no gradient.

    Costs two products of n m^2 and n m^2 / 2. Source: Schreiber and Van Loan (1989); T as in Joffrain,
    Low, Quintana-Orti, van de Geijn and Van Zee (2006).
    """
    matrices, dtype = algebra(field), V.type.dtype
    n, m = V.type.shape[-2:]
    V = matrices.scale_entries(V, pt.constant(np.tril(np.ones((n, m), dtype))))
    squares = pt.square(V).sum(axis=list(range(-matrices.axes, -1)))
    found = squares > np.asarray(np.finfo(dtype).tiny / np.finfo(dtype).eps, dtype)
    U = matrices.scale_columns(
        V, pt.switch(found, 1 / pt.sqrt(pt.switch(found, squares, 1)), pt.zeros_like(squares))
    )
    above = pt.constant(np.triu(np.ones((m, m), dtype), 1))
    T = matrices.scale_entries(matrices.matmul(matrices.hconj(U), U), above)
    T = T + matrices.eye(m, dtype) * np.asarray(0.5, dtype)
    return U, Solve(field, "upper")(T, matrices.hconj(U))


def turned_columns(A, angles):
    r"""A diag(e^{i t}), stacked ``(..., 2, m, n)``, for real angles ``(n,)``."""
    turn = stacked_functions.stack(pt.cos(angles)[None, :], pt.sin(angles)[None, :])
    return stacked_functions.mul(A, turn)


def reflectors_of(W, m, phases):
    r"""NumPy V ``(n, m)`` and d ``(n,)`` such that W is H_1 ... H_m diag(d), where there are such.

    Column j of V is zero, or at unit length makes column j of what is left of W the coordinate
    vector e_j times d_j. With ``phases`` d_j is chosen against cancellation, minus the phase of the
    entry; else d = 1. That the result gives W is for the caller to check.
    """
    n = len(W)
    V, d, rest = np.zeros((n, m), W.dtype), np.ones(n, W.dtype), W.copy()
    for j in range(m):
        x = rest[j:, j].copy()
        if phases:
            d[j] = -_phase(x[0])
            x[0] -= d[j]
        else:
            below = np.vdot(x[1:], x[1:]).real
            x[0] = -below / (1 + x[0].real) if x[0].real > 0 else x[0].real - 1
            # What rounding leaves of a zero vector is no direction to reflect in.
            x *= np.linalg.norm(x) > 4 * n * np.finfo(float).eps
        if length := np.linalg.norm(x):
            x /= length
            V[j:, j] = x
            rest[j:, j:] -= 2 * np.outer(x, x.conj() @ rest[j:, j:])
    if phases:
        d[m:] = [_phase(z) for z in np.diagonal(rest)[m:]]
    return V, d


def reflected(V, A):
    """H_1 ... H_m A for NumPy matrices, V with columns of unit length or zero."""
    for v in V.T[::-1]:
        A = A - 2 * np.outer(v, v.conj() @ A)
    return A


def _phase(z):
    return z / abs(z) if z else 1.0
