"""Matrices near unitary ones with a triangular part that is not normal, and their Schur forms."""

from typing import Any

import numpy as np
import pytensor.tensor as pt
import scipy.linalg
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.parametrizations.inverse import coarser_epsilon, square_matrix
from unitarygraph.parametrizations.skew import Exp
from unitarygraph.stacked import functions as stacked_functions
from unitarygraph.stacked.typing import Array, Seed


class NonNormal(Parametrization):
    r""":math:`W = P (\Lambda + T) P^H`, P = exp(A), a Schur form in which the triangle is free.

    Real: :math:`\Lambda` has the 2 x 2 blocks :math:`\gamma_i [[\cos\theta_i, -\sin\theta_i],
    [\sin\theta_i, \cos\theta_i]]` along the diagonal, the last entry of an odd n is :math:`\gamma` alone;
    T is strictly upper triangular outside of these blocks. Complex: :math:`\Lambda =
    \mathrm{diag}(\gamma_j e^{i \theta_j})`, T strictly upper triangular. W is orthogonal (unitary) where
    gamma = 1 and T = 0, as at the start.

    Real parameters, k = n // 2: n(n-1)/2 in A, k angles, n - k moduli, n(n-1)/2 - k in T; complex: n^2,
    n, n, n(n-1). W costs an exponential and two products.

    Published code also trains T's entries inside of the blocks, the upper right one of each
    (``published=True``; k parameters more). Every real matrix is then a W; without, those whose blocks
    can be made multiples of rotations, which all special orthogonal matrices are. Complex: every matrix.

    Parameters
    ----------
    n : int
    init : of A, as `Exp`
    published : whether T has entries inside of the blocks; nothing in the complex field
    delta : strength of the penalty on gamma; published: 1e-4 (copying), 0.1 (sequential MNIST)
    t_decay : weight decay of T; published: 1e-6
    field, rng, dtype : as `Exp`
    name : the params are ``<name>/A``, ``<name>/theta``, ``<name>/gamma``, ``<name>/T``

    theta is drawn from U(0, 2 pi).

    Source: Kerg et al. (2019), "Non-normal recurrent neural network (nnRNN): learning long time
    dependencies while improving expressivity with transient dynamics".
    """

    unitary = False

    def __init__(
        self,
        n: int,
        *,
        init: Any = "cayley",
        published: bool = False,
        delta: float = 1e-4,
        t_decay: float = 1e-6,
        field: str = "complex",
        rng: Seed = None,
        dtype: Any = None,
        name: str = "W",
    ) -> None:
        super().__init__(n, field, dtype)
        self.published, self.delta, self.t_decay = published, delta, t_decay
        rng = np.random.default_rng(rng)
        self._basis = Exp(n, init=init, field=field, rng=rng, dtype=dtype, name=f"{name}/A")
        moduli, angles = (n, n) if field == "complex" else (n - n // 2, n // 2)
        theta, T = rng.uniform(0, 2 * np.pi, angles), np.zeros(self.matrices.storage_shape((n, n)))
        # Of the orthogonal group is A alone.
        self._theta = self.parameter(theta, f"{name}/theta", group="other")
        self._gamma = self.parameter(np.ones(moduli), f"{name}/gamma", group="other")
        self._T = self.parameter(T, f"{name}/T", Euclidean(field), group="other")

    def matrix(self) -> TensorVariable:
        P = self._basis.stored()
        inner = self._diagonal() + self._triangle()
        return self.matrices.matmul(P, inner, self.matrices.hconj(P))

    def own_free_parameters(self) -> int:
        """Those of theta, gamma and the entries of T."""
        triangle = (self.matrices.axes - 1) * int(self._mask().sum())
        return triangle + sum(p.type.shape[0] for p in (self._theta, self._gamma))

    def own_penalty(self) -> TensorVariable | None:
        r""":math:`\delta \sum_i (\gamma_i - 1)^2 + \frac12 \mathrm{t\_decay}\,\|T\|_F^2`, a scalar.

        The second term's gradient is the weight decay of T that the published code leaves to its
        optimizer.
        """
        delta, decay = (np.asarray(x, self.dtype) for x in (self.delta, self.t_decay / 2))
        return delta * pt.square(self._gamma - 1).sum() + decay * pt.square(self._triangle()).sum()

    def set_value(self, W: Array) -> None:
        """Set the parameters by a Schur form of W.

        Raises ValueError where a 2 x 2 block is no multiple of a rotation, naming how far off it is.
        """
        who = "NonNormal.set_value"
        eps = coarser_epsilon(W, self.dtype)
        W = square_matrix(who, W, self.n, self.field)
        if self.field == "complex":
            P, S = complex_schur(W)
            lam = np.diagonal(S)
            gamma, theta, T = np.abs(lam), np.angle(lam), np.triu(S, 1)
        else:
            P, S = real_schur(W, eps)
            gamma, theta, T = self._blocks(who, S, P @ S @ P.T - W)
        self._basis.set_value(P)
        for variable, value in ((self._theta, theta), (self._gamma, gamma)):
            variable.set_value(value.astype(self.dtype))
        self._T.set_value(self.matrices.from_numpy(T).astype(self.dtype))

    def _blocks(self, who, S, residual):
        """Moduli, angles and T of a block triangular S whose blocks have equal diagonal entries."""
        n, first = self.n, np.arange(0, self.n - 1, 2)
        a, c = np.diagonal(S)[first], np.diagonal(S, -1)[first]
        inside = np.diagonal(S, 1)[first] + c
        limit = n * np.finfo(self.dtype).eps ** 0.5 * max(1, np.linalg.norm(S))
        if not self.published and not np.linalg.norm(inside) <= limit:
            raise ValueError(
                f"{who}: the 2 x 2 blocks of the Schur form of W must be multiples of rotations, got "
                f"one that deviates by {np.abs(inside).max():.2e}, the limit is {limit:.1e}; "
                "published=True takes it"
            )
        if not np.linalg.norm(residual) <= limit:
            raise ValueError(
                f"{who}: W must have a Schur form in {self.dtype}, the one found is off by "
                f"{np.linalg.norm(residual):.2e}, the limit is {limit:.1e}"
            )
        T = S * self._mask()
        if self.published:
            T[first, first + 1] = inside
        gamma = np.append(np.hypot(a, c), np.diagonal(S)[n - n % 2 :])
        return gamma, np.arctan2(c, a), T

    def _mask(self):
        """1 where T has entries."""
        mask = np.triu(np.ones((self.n, self.n), self.dtype), 1)
        if self.field == "real" and not self.published:
            first = np.arange(0, self.n - 1, 2)
            mask[first, first + 1] = 0
        return mask

    def _triangle(self):
        return self.matrices.scale_entries(plain(self._T), pt.constant(self._mask()))

    def _diagonal(self):
        """Graph of Lambda."""
        n, diagonal = self.n, pt.constant(np.eye(self.n, dtype=self.dtype))
        cos, sin = pt.cos(self._theta), pt.sin(self._theta)
        if self.field == "complex":
            return stacked_functions.stack(
                diagonal * (self._gamma * cos), diagonal * (self._gamma * sin)
            )
        # Both entries of a block have its numbers; an odd n leaves an entry of angle zero.
        moduli = np.repeat(np.eye(n - n // 2, dtype=self.dtype), 2, axis=0)[:n]
        angles, alone = moduli[:, : n // 2], np.zeros(n, self.dtype)
        alone[n - n % 2 :] = 1
        turn = np.zeros((n, n), self.dtype)
        first = np.arange(0, n - 1, 2)
        turn[first, first + 1], turn[first + 1, first] = -1, 1
        gamma = pt.dot(pt.constant(moduli), self._gamma)
        cos = pt.dot(pt.constant(angles), cos) + pt.constant(alone)
        sin = pt.dot(pt.constant(angles), sin)
        return diagonal * (gamma * cos) + pt.constant(turn) * (gamma * sin)


def complex_schur(W):
    """P unitary and S upper triangular with W = P S P^H."""
    S, P = scipy.linalg.schur(W, output="complex")
    return P, S


def real_schur(W, eps):
    """P in SO(n) and S block triangular with W = P S P^T, of 2 x 2 blocks [[a, b], [c, a]].

    An odd n leaves the last entry alone. The order of the blocks matters to their form: of the planes
    that W maps to themselves, one on which it is a multiple of a rotation is split off first, where
    there is one; LAPACK's Schur form has another order and blocks of one real eigenvalue. One
    eigenvalue problem for each block, one Schur form for a W that is normal to the precision ``eps``.
    """
    n, size = len(W), np.linalg.norm(W)
    normal = np.linalg.norm(W @ W.T - W.T @ W) <= 10 * n * eps * size**2
    P = _normal_basis(W, eps) if normal else np.eye(n)
    S = P.T @ W @ P
    for j in range(0, n - 1, 2):
        Q = np.eye(n)
        if not normal:
            Q[j:, j:] = scipy.linalg.qr(_plane(S[j:, j:]))[0]
        S, P = Q.T @ S @ Q, P @ Q
        S[j + 2 :, j : j + 2] = 0
        # Turned by this angle a block's diagonal entries become equal.
        (a, b), (c, d) = S[j : j + 2, j : j + 2]
        angle = np.arctan2(d - a, b + c) / 2 if a != d else 0.0
        Q = np.eye(n)
        Q[j : j + 2, j : j + 2] = _rotation(angle)
        S, P = Q.T @ S @ Q, P @ Q
        S[j, j] = S[j + 1, j + 1] = (S[j, j] + S[j + 1, j + 1]) / 2
    if np.linalg.det(P) < 0:
        P[:, -1] = -P[:, -1]
        S[:, -1] = -S[:, -1]
        S[-1] = -S[-1]
    return P, S


def _plane(W):
    """Two real vectors whose span W maps to itself, ``(n, 2)``; a conformal one where there is."""
    n = len(W)
    if n == 2:
        return np.eye(2)
    eigenvalues, vectors = np.linalg.eig(W)
    pairs = np.flatnonzero(eigenvalues.imag > 0)
    if pairs.size:
        # x + iy with x, y orthogonal and of one length has no square.
        v = vectors[:, pairs]
        best = v[:, np.abs((v * v).sum(axis=0)).argmin()]
        return np.stack([best.real, best.imag], axis=1)
    order = np.argsort(eigenvalues.real)
    gap = np.diff(eigenvalues.real[order]).argmin()
    return vectors[:, order[[gap, gap + 1]]].real


def _normal_basis(W, eps):
    """Schur vectors of a normal matrix: complex pairs, then pairs of equal real eigenvalues, the rest."""
    S, P = scipy.linalg.schur(W, output="real")
    first = [j for j in range(len(W) - 1) if S[j + 1, j] != 0]
    order = [k for j in first for k in (j, j + 1)]
    single = sorted(set(range(len(W))) - set(order), key=lambda j: S[j, j])
    alone, limit = [], len(W) * eps**0.5 * np.abs(S).max()
    while single:
        j = single.pop()
        if single and S[j, j] - S[single[-1], single[-1]] <= limit:
            order += [j, single.pop()]
        else:
            alone.append(j)
    return P[:, order + alone]


def _rotation(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]])
