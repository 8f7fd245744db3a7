"""Matrices that keep the symplectic form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytensor.tensor as pt
import scipy.linalg

from unitarygraph.manifolds.base import Manifold, Retraction
from unitarygraph.ops.eigh import Eigh
from unitarygraph.ops.lyapunov import Lyapunov
from unitarygraph.stacked.typing import Array, M, Seed


def symplectic_form(n):
    """The NumPy matrix J = [[0, I], [-I, 0]] of an even n, in double."""
    half = np.eye(n // 2)
    return np.kron([[0, 1], [-1, 0]], half)


def form_times(x):
    """J_n x, its halves of the rows exchanged."""
    head, tail = halves(x, -2)
    return pt.concatenate([tail, -head], axis=-2)


def times_form(x):
    """x J_p, its halves of the columns exchanged."""
    head, tail = halves(x, -1)
    return pt.concatenate([-tail, head], axis=-1)


def halves(x, axis):
    """Both halves of x along an axis."""
    length = x.type.shape[axis]
    half = (x.shape[axis] if length is None else length) // 2
    return pt.split(x, [half, half], n_splits=2, axis=axis)


def symplectic_gram(matrices, x):
    """(x J_p)^H J_n x, which is the identity on the manifold."""
    return matrices.matmul(matrices.hconj(times_form(x)), form_times(x))


def displacement(matrices, x, u):
    r"""L and R^H of rank 2p with :math:`L R^H X = U` and :math:`L R^H` in the symplectic Lie algebra.

    :math:`L R^H = S J_n`, :math:`S = W (X J_p)^H + X J_p W^H`, Hermitian, and
    :math:`W = U - \tfrac12 X J_p X^H J_n^H U`. Source: Gao, Son, Absil, Stykel (2021), proposition 2.3.
    """
    matmul, hconj = matrices.matmul, matrices.hconj
    half, turned = np.asarray(0.5, x.type.dtype), times_form(x)
    w = u + half * matmul(turned, matmul(hconj(x), form_times(u)))
    left = pt.concatenate([w, turned], axis=-1)
    # A^H J is (-J A)^H.
    right = -hconj(form_times(pt.concatenate([turned, w], axis=-1)))
    return left, right


def by_cayley(manifold, x, u):
    r"""Cayley transform of the `displacement` :math:`L R^H` of u, applied to x.

    :math:`X + L (I - R^H L / 2)^{-1} R^H X`, of size 2p. Source: Gao, Son, Absil, Stykel (2021),
    proposition 5.4.
    """
    matrices, half = manifold.matrices, np.asarray(0.5, x.type.dtype)
    matmul = matrices.matmul
    left, right = displacement(matrices, x, u)
    system = matrices.eye_like(left) - half * matmul(right, left)
    return cleaned(matrices, x + matmul(left, matrices.solve(system, matmul(right, x))))


def second_order(manifold, x, u):
    r"""The Cayley map of :math:`U - P_X(L R^H U)/2`: what bends its curve within the manifold taken off.

    The map's expansion is :math:`X + U + L R^H U / 2`; the tangential part of the last term is what
    keeps it from order 2. The correction grows with the square of the step.
    """
    matmul, half = manifold.matrices.matmul, np.asarray(0.5, x.type.dtype)
    left, right = displacement(manifold.matrices, x, u)
    return by_cayley(manifold, x, u - half * manifold.proj(x, matmul(left, matmul(right, u))))


def cleaned(matrices, y):
    r"""y without what rounding adds to the constraint; NaN where that is more than rounding.

    A step of :math:`Y (I - C/2)`, C the violation, squares it, so that nothing adds up over many
    steps. Next to a step that the Cayley map has no value for, its system is singular.
    """
    half = np.asarray(0.5, y.type.dtype)
    identity = matrices.eye_like(y)
    y = y - half * matrices.matmul(y, symplectic_gram(matrices, y) - identity)
    left = matrices.norm(symplectic_gram(matrices, y) - identity)
    limit = np.asarray(200 * np.finfo(y.type.dtype).eps, y.type.dtype)
    fine = left <= limit * matrices.inner(y, y)
    return pt.switch(pt.shape_padright(fine, matrices.axes), y, np.asarray(np.nan, y.type.dtype))


RETRACTIONS = {"cayley": Retraction(1, by_cayley), "second_order": Retraction(2, second_order)}


@dataclass(frozen=True)
class SymplecticStiefel(Manifold):
    r""":math:`\{X : X^H J_n X = J_p\}`, :math:`J = [[0, I], [-I, 0]]`, stored ``(..., 2, n, p)``.

    With ``field="real"`` stored ``(..., n, p)``; n >= p, both even. Tangent space at X:
    :math:`X^H J U` Hermitian; metric Re tr(U^H V); real dimension :math:`2np - p^2`, or np - p(p-1)/2.
    It is not bounded: a retraction is NaN where its step has no end that floats can hold. The transport
    is the projection; there are no geodesics, logarithms or nearest points in closed form. Source: Gao,
    Son, Absil, Stykel (2021), "Riemannian optimization on the symplectic Stiefel manifold" and "Geometry
    of the symplectic Stiefel manifold endowed with the Euclidean metric"; Bendokat and Zimmermann (2021).
    """

    retraction_table: ClassVar[Mapping[str, Retraction]] = RETRACTIONS
    form: ClassVar[str] = "tall"
    deviation_formula: ClassVar[str] = "||X^H J X - J||_F"

    @property
    def best_retraction(self) -> str:
        """The Cayley map: that of order 2 squares long steps."""
        return "cayley"

    def proj(self, x: M | Array, g: M | Array) -> M:
        r""":math:`G - J X \Omega`, :math:`\Omega` the skew-Hermitian solution of a Lyapunov equation.

        :math:`X^H X\,\Omega + \Omega\,X^H X = -2\,\mathrm{skew}(X^H J G)`: the normal vectors are
        :math:`J X \Omega`.
        """
        x, g = self.arguments("proj", x=x, g=g)
        return g - self.matrices.matmul(form_times(x), self._normal_part(x, g))

    def _normal_part(self, x, g):
        """The Omega of `proj`."""
        matrices = self.matrices
        gram = matrices.matmul(matrices.hconj(x), x)
        w, v = Eigh(self.field)(gram)
        skew = matrices.skew_hermitian(matrices.matmul(matrices.hconj(x), form_times(g)))
        return Lyapunov(self.field)(gram, w, v, -(skew + skew))

    def ehess2rhess(self, x: M | Array, egrad: M | Array, ehess: M | Array, u: M | Array) -> M:
        r""":math:`P_X(H - J U \Omega)`, P and the gradient's :math:`\Omega` as in `proj`."""
        x, egrad, ehess, u = self.arguments("ehess2rhess", x=x, egrad=egrad, ehess=ehess, u=u)
        curved = self.matrices.matmul(form_times(u), self._normal_part(x, egrad))
        return self.proj(x, ehess - curved)

    def dim(self, shape: Sequence[int]) -> int:
        """2np - p^2, or np - p(p-1)/2 in the real field."""
        n, p = shape[-2:]
        return 2 * n * p - p * p if self.field == "complex" else n * p - p * (p - 1) // 2

    def deviation(self, x: Array) -> Any:
        r""":math:`\|X^H J X - J\|_F` of a stored value, computed in double."""
        z = self.load(x)
        n, p = z.shape[-2:]
        kept = np.conj(np.swapaxes(z, -1, -2)) @ symplectic_form(n) @ z
        return np.linalg.norm(kept - symplectic_form(p), axis=(-2, -1))

    def tolerance(self, x: Array) -> Any:
        """1000 eps times the square root of the rows and the columns' mean squared length above 1."""
        z = self.load(x)
        squares = np.sum(np.abs(z) ** 2, axis=(-2, -1)) / max(z.shape[-1], 1)
        return super().tolerance(x) * max(1.0, float(np.max(squares, initial=0)))

    def random_point(self, shape: Any, rng: Seed = None, dtype: Any = None) -> Array:
        r"""Columns of :math:`e^{JS}`, S the Hermitian part of normal matrices over :math:`2\sqrt n`."""
        self.check_shape("random_point", "shape", self.matrices.storage_shape(shape))
        *batch, n, p = shape
        z = self.normal_matrices((*batch, n, n), rng) / (2 * n**0.5)
        z = (z + np.conj(np.swapaxes(z, -1, -2))) / 2
        columns = [*range(p // 2), *range(n // 2, n // 2 + p // 2)]
        return self.store(scipy.linalg.expm(symplectic_form(n) @ z)[..., columns], dtype)

    def check_shape(self, method, name, shape):
        """Raise ValueError unless the matrices are tall with an even number of rows and columns."""
        super().check_shape(method, name, shape)
        if any(length is not None and length % 2 for length in shape[-2:]):
            raise ValueError(
                f"{method}: {name} must have an even number of rows and of columns on {self}, "
                f"got shape {tuple(shape)}"
            )
