"""Unitary matrices as functions of skew-Hermitian ones: exponentials, Cayley transforms, scaled ones."""

from abc import abstractmethod
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean
from unitarygraph.ops.cayley import Cayley as CayleyOp
from unitarygraph.ops.expm.skew import ExpmSkew, skew_exponential
from unitarygraph.ops.upper import skew_of_upper
from unitarygraph.parametrizations.base import Parametrization
from unitarygraph.parametrizations.initializers import skew_initializer
from unitarygraph.parametrizations.inverse import (
    inverse_cayley,
    matching_phases,
    special_matrix,
    unitary_logarithm,
    unitary_matrix,
)
from unitarygraph.stacked.typing import Array, Seed


class SkewParametrization(Parametrization):
    """W as a function of one skew-Hermitian A, of which the upper triangle is trained.

    A is stored as a full matrix, in which nothing is read below the diagonal, nor the diagonal's real
    part (real: nor the diagonal): n^2 free real parameters, n(n-1)/2 in the real field. A subclass
    says what W is as a graph, `of`, and by NumPy, `of_value`, and what A belongs to a W,
    `skew_value_of`.
    """

    def __init__(
        self,
        n: int,
        init: Any,
        field: str = "complex",
        rng: Seed = None,
        dtype: Any = None,
        name: str = "A",
    ) -> None:
        super().__init__(n, field, dtype)
        skew = np.asarray(skew_initializer(init)(np.random.default_rng(rng), n, field))
        expected = f"init: expected a skew-Hermitian matrix ({n}, {n}), got"
        if skew.shape != (n, n):
            raise ValueError(f"{expected} shape {skew.shape}")
        if not np.allclose(skew, -skew.conj().T):
            off = np.linalg.norm(skew + skew.conj().T)
            raise ValueError(f"{expected} one with ||A + A^H|| = {off:.1e}")
        if field == "real" and np.iscomplexobj(skew):
            raise ValueError(f"init: expected a real matrix with field='real', got {skew.dtype}")
        self._upper = self.parameter(self._stored(skew), name, Euclidean(field))

    @abstractmethod
    def of(self, A):
        """Graph of W for a symbolic skew-Hermitian A."""

    @abstractmethod
    def of_value(self, A):
        """W for a NumPy A, in its precision."""

    @abstractmethod
    def skew_value_of(self, W):
        """NumPy A for a unitary NumPy W, in double; ValueError where there is none."""

    def matrix(self) -> TensorVariable:
        return self.of(skew_of_upper(plain(self._upper), self.field))

    def value(self) -> Array:
        """Current matrix, computed by NumPy in the parameters' precision; NaN where A is not finite."""
        upper = self.matrices.to_numpy(np.array(self._upper.get_value()))
        skew = np.triu(upper, 1)
        skew = skew - skew.conj().T
        if self.field == "complex":
            skew += 1j * np.diag(np.diagonal(upper).imag)
        if not np.isfinite(skew).all():
            return np.full_like(skew, np.nan)
        return self.of_value(skew)

    def own_free_parameters(self) -> int:
        """n^2, or n(n-1)/2 in the real field."""
        return self.n**2 if self.field == "complex" else self.n * (self.n - 1) // 2

    def set_value(self, W: Array) -> None:
        """Set A so that the matrix is the NumPy array W.

        Raises ValueError for a W that is not unitary, naming ||W^H W - I||, and for one that no A
        has: of determinant -1 in the real field, or where the class says so.
        """
        who = f"{type(self).__name__}.set_value"
        W = special_matrix(who, W, self.n, self.field, self.dtype)
        self._upper.set_value(self._stored(self.skew_value_of(W)))

    def _stored(self, skew):
        # Below the diagonal nothing is read; the stored value has zeros there.
        return self.matrices.from_numpy(np.triu(skew)).astype(self.dtype)


class Exp(SkewParametrization):
    r""":math:`W = \exp(A)`, A skew-Hermitian: all of U(n), or SO(n) in the real field.

    n^2 real parameters, n(n-1)/2 in the real field: the upper triangle of A. One Hermitian
    eigendecomposition and one product for W, four products for the gradient. `set_value` takes the
    principal logarithm, eigenvalues i w of A with :math:`|w| \le \pi`; at an eigenvalue -1 of W one of
    those that differ in the sign of :math:`\pi`.

    Parameters
    ----------
    n : int
    init : "henaff", "cayley", "haar" or a function ``(rng, n, field) -> skew-Hermitian matrix``
    field : "complex" or "real"
    rng : seed or numpy Generator
    dtype : "float32" or "float64", by default ``pytensor.config.floatX``
    name : name of the shared variable

    Source: Lezcano-Casado and Martinez-Rubio (2019), "Cheap orthogonal constraints".
    """

    def __init__(
        self,
        n: int,
        *,
        init: Any = "henaff",
        field: str = "complex",
        rng: Seed = None,
        dtype: Any = None,
        name: str = "A",
    ) -> None:
        super().__init__(n, init, field, rng, dtype, name)

    def of(self, A):
        return ExpmSkew(self.field)(A)[0]

    def of_value(self, A):
        return skew_exponential(A)[0]

    def skew_value_of(self, W):
        return unitary_logarithm(W)


class Cayley(SkewParametrization):
    r""":math:`W = (I + A)^{-1} (I - A)`, A skew-Hermitian: all unitary matrices without eigenvalue -1.

    In the real field those of SO(n). n^2 real parameters, n(n-1)/2 in the real field: the upper
    triangle of A. One LU factorization and one solution for W, as much for the gradient. To second
    order W is :math:`e^{-2A}`. An eigenvalue :math:`i \tan(t/2)` of A gives :math:`e^{-it}`; W is
    unitary to :math:`\epsilon\,\|A\|_2`, which grows as W comes near an eigenvalue -1. There
    `set_value`, by :math:`A = (I + W)^{-1} (I - W)`, raises ValueError.

    Parameters
    ----------
    n : int
    init : skew matrix as drawn for `Exp`: "cayley" (eigenvalue angles of W in U(0, pi/2)), "henaff",
        "haar" (the logarithm of a Haar-distributed matrix) or a function
        ``(rng, n, field) -> skew-Hermitian matrix``
    field, rng, dtype, name : as `Exp`

    Source: Helfrich, Willmott and Ye (2018), without their diagonal matrix (`ScaledCayley` has it).
    """

    def __init__(
        self,
        n: int,
        *,
        init: Any = "cayley",
        field: str = "complex",
        rng: Seed = None,
        dtype: Any = None,
        name: str = "A",
    ) -> None:
        super().__init__(n, init, field, rng, dtype, name)

    def of(self, A):
        return CayleyOp(self.field)(A * np.asarray(-2, A.type.dtype))[0]

    def of_value(self, A):
        identity = np.eye(self.n, dtype=A.dtype)
        return np.linalg.solve(identity + A, identity - A)

    def skew_value_of(self, W):
        return inverse_cayley("Cayley.set_value", W, self.dtype)


class ScaledCayley(Cayley):
    r""":math:`W = (I + A)^{-1} (I - A) D`, A skew-Hermitian, D diagonal and unitary: all of U(n).

    Real (scoRNN): D holds ``rho`` entries -1, the last ones, and n - rho entries 1. It is not
    trained, so training keeps the determinant :math:`(-1)^\rho`; A has n(n-1)/2 free parameters.
    Complex (scuRNN): :math:`D = \mathrm{diag}(e^{i\theta})` with trained phases; n^2 + n parameters,
    n more than U(n) has. Cost as `Cayley`.

    For every unitary W there is a D with which A is small. `set_value` picks it
    (`unitarygraph.parametrizations.inverse.matching_phases`): in the real field it changes D, and so
    `rho`, and in the complex one theta, in (-pi, pi].

    Parameters
    ----------
    n : int
    rho : number of entries -1, 0 to n, real field only: a setting of the task, published between
        n/10 (pixel MNIST) and n/2, which is the default
    init : as `Cayley`
    field, rng, dtype, name : as `Exp`; D's variable is named ``<name>/D``, theta ``<name>/theta``

    Attributes: ``params`` is [A], complex [A, theta] with theta, of the group "phase", from
    U(0, 2 pi); ``buffers`` is [D] in the real field. Raises ValueError for a rho out of range.

    Source: Helfrich, Willmott and Ye (2018); Maduranga, Helfrich and Ye (2019).
    """

    def __init__(
        self,
        n: int,
        *,
        rho: int | None = None,
        init: Any = "cayley",
        field: str = "complex",
        rng: Seed = None,
        dtype: Any = None,
        name: str = "A",
    ) -> None:
        rng = np.random.default_rng(rng)
        super().__init__(n, init=init, field=field, rng=rng, dtype=dtype, name=name)
        if field == "complex":
            if rho is not None:
                raise ValueError(f"rho: expected None with field='complex', got {rho!r}")
            theta = rng.uniform(0, 2 * np.pi, n)
            self._theta = self.parameter(theta, f"{name}/theta", group="phase")
            return
        rho = n // 2 if rho is None else rho
        if isinstance(rho, bool) or not isinstance(rho, int | np.integer) or not 0 <= rho <= n:
            raise ValueError(f"rho: expected an integer from 0 to {n}, got {rho!r}")
        signs = np.where(np.arange(n) < n - rho, 1, -1).astype(self.dtype)
        self._signs = pytensor.shared(signs, name=f"{name}/D", shape=(n,))

    def own_free_parameters(self) -> int:
        """n(n-1)/2, or n^2 + n in the complex field."""
        return super().own_free_parameters() + (self.n if self.field == "complex" else 0)

    @property
    def rho(self) -> int | None:
        """Number of entries -1 of D, None in the complex field."""
        return None if self.field == "complex" else int(np.sum(self._signs.get_value() < 0))

    def of(self, A):
        Z = super().of(A)
        if self.field == "real":
            return self.matrices.scale_columns(Z, self._signs)
        # The product with e^{i theta} as 2 x 2 real matrices on the planes: W and its gradient have
        # half the nodes that taking the planes apart leads to.
        rotation = pt.cos(self._theta) * _on_planes([[1, 0], [0, 1]], self.dtype)
        rotation += pt.sin(self._theta) * _on_planes([[0, -1], [1, 0]], self.dtype)
        return (rotation * Z).sum(axis=1)

    def of_value(self, A):
        return super().of_value(A) * self._phases()

    def set_value(self, W: Array) -> None:
        """Set A and D so that the matrix is the NumPy array W.

        Raises ValueError for a W that is not unitary, naming ||W^H W - I||.
        """
        who = "ScaledCayley.set_value"
        W = unitary_matrix(who, W, self.n, self.field, self.dtype)
        phases = matching_phases(W)
        stored = np.angle(phases) if self.field == "complex" else phases
        variable = self._theta if self.field == "complex" else self._signs
        variable.set_value(stored.astype(self.dtype))
        # Theta as it is stored has been rounded, which A can make good.
        rotated = W * self._phases().conj().astype(W.dtype)
        self._upper.set_value(self._stored(inverse_cayley(who, rotated, self.dtype)))

    def _phases(self):
        """Diagonal of D as a NumPy array."""
        if self.field == "complex":
            return np.exp(1j * np.array(self._theta.get_value()))
        return np.array(self._signs.get_value())


def _on_planes(block, dtype):
    return np.array(block, dtype)[:, :, None, None]
