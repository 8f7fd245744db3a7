r"""What every manifold offers, and the parts that an embedded manifold inherits.

Points and vectors are stored as `unitarygraph.stacked` says: complex matrices ``(..., 2, m, n)``,
with ``field="real"`` plain ``(..., m, n)``. Tangents are matrices of the surrounding space, the
metric is :math:`\langle u, v\rangle = \mathrm{Re}\,\mathrm{tr}(u^H v)`. Leading axes are a
batch. Symbolic methods take tensors or NumPy arrays of one dtype and give tensors of that dtype; where
an argument is a complex variable or a NumPy complex array, points and vectors that they give are
complex variables. Methods on values take stored and complex NumPy arrays; `random_point` gives stored
ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytensor.tensor as pt
from pytensor import config
from pytensor.tensor.variable import TensorVariable

from unitarygraph.core.layout import REAL_DTYPES, is_complex, storage, to_complex
from unitarygraph.manifolds.complex_arguments import take_complex_in
from unitarygraph.manifolds.membership import Membership
from unitarygraph.manifolds.values import evaluate
from unitarygraph.stacked.algebra import Algebra, algebra
from unitarygraph.stacked.typing import Array, M, Seed, Value


class Retraction(NamedTuple):
    r"""A retraction R of declared order: :math:`R(x, tu) = \mathrm{Exp}_x(tu) + O(t^{order+1})`.

    ``move(manifold, x, u)`` is the symbolic map on stored tensors.
    """

    order: int
    move: Callable[..., Any]


@dataclass(frozen=True)
class Manifold(Membership):
    """A set of matrices over ``field``, with the metric of the space around it unless it says more.

    A subclass gives `retraction_table`, `proj`, `ehess2rhess`, `nearest`, `dim`, `deviation` and
    `random_point`, and where the manifold has them `log` and, if it is not the projection,
    `transport`; with a metric of its own `egrad2rgrad`, `inner` and `norm`. It writes them on stored
    tensors; that they take complex variables and NumPy complex arrays is seen to when it is defined.
    """

    field: str = "complex"

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        take_complex_in(cls)

    #: retractions by name; of those of one order the first is the most stable and the cheapest
    retraction_table: ClassVar[Mapping[str, Retraction]] = {}
    #: whether `transport` keeps inner products
    isometric_transport: ClassVar[bool] = False
    #: whether the metric is a constant inner product of the space around the manifold
    is_embedded: ClassVar[bool] = True
    #: shape of the matrices: "any", "square", or "tall" with at least as many rows as columns
    form: ClassVar[str] = "any"
    #: fields over which the manifold exists
    fields: ClassVar[tuple[str, ...]] = ("complex", "real")

    def __post_init__(self) -> None:
        algebra(self.field)
        if self.field not in self.fields:
            name = type(self).__name__
            raise ValueError(f"{name}: field must be {self.fields[0]!r}, got {self.field!r}")

    def __str__(self) -> str:
        return f"{type(self).__name__}({self.field})"

    @property
    def matrices(self) -> Algebra:
        """Algebra of the manifold's field."""
        return algebra(self.field)

    @property
    def retractions(self) -> dict[str, int]:
        """Names of the retractions with their declared orders."""
        return {name: entry.order for name, entry in self.retraction_table.items()}

    @property
    def best_retraction(self) -> str:
        """Name of the retraction that `retr` takes by itself: the first of the highest order."""
        orders = self.retractions
        if not orders:
            raise NotImplementedError(f"{self} has no retraction")
        return max(orders, key=orders.__getitem__)

    def proj(self, x: M | Array, g: M | Array) -> M:
        """Tangent vector at x nearest to g."""
        raise NotImplementedError(f"{self} has no proj")

    def egrad2rgrad(self, x: M | Array, g: M | Array) -> M:
        r"""Riemannian gradient of the Euclidean gradient g.

        The tangent r with :math:`\langle r, v\rangle_x = \mathrm{Re}\,\mathrm{tr}(g^H v)` for every
        tangent v: the projection, where the metric is that of the space around the manifold.
        """
        return self.proj(x, g)

    def ehess2rhess(self, x: M | Array, egrad: M | Array, ehess: M | Array, u: M | Array) -> M:
        """Riemannian Hessian applied to the tangent u.

        ``egrad``, ``ehess``: Euclidean gradient at x and its derivative in the direction u.
        """
        raise NotImplementedError(f"{self} has no ehess2rhess")

    def retr(self, x: M | Array, u: M | Array, kind: str | Callable[..., Any] | None = None) -> M:
        """Point reached from x along the tangent u by the retraction ``kind``.

        ``kind`` is None for the manifold's own best one (`best_retraction`), a name of `retractions`,
        or a function (manifold, x, u) of stored tensors. Raises ValueError for other names.
        """
        x, u = self.arguments("retr", x=x, u=u)
        if callable(kind):
            return kind(self, x, u)
        kind = self.best_retraction if kind is None else kind
        if kind not in self.retraction_table:
            names = ", ".join(map(repr, self.retraction_table))
            raise ValueError(f"retr: kind must be one of {names} on {self}, got {kind!r}")
        return self.retraction_table[kind].move(self, x, u)

    def exp(self, x: M | Array, u: M | Array) -> M:
        """Exponential map: the end of the geodesic that leaves x with velocity u, at time 1."""
        if "exp" not in self.retractions:
            raise NotImplementedError(f"{self} has no exponential map in closed form")
        x, u = self.arguments("exp", x=x, u=u)
        return self.retr(x, u, kind="exp")

    def log(self, x: M | Array, y: M | Array) -> M:
        """Tangent u at x with exp(x, u) = y, where the manifold has it in closed form."""
        raise NotImplementedError(f"{self} has no logarithm in closed form")

    def dist(self, x: Value, y: Value) -> TensorVariable:
        """Geodesic distance, one number a matrix."""
        x, y = self.arguments("dist", x=x, y=y)
        return self.norm(x, self.log(x, y))

    def transport(self, x: M | Array, y: M | Array, v: M | Array) -> M:
        """Tangent v at x moved to the tangent space at y, by projection.

        It does not keep lengths unless `isometric_transport` says so.
        """
        _, y, v = self.arguments("transport", x=x, y=y, v=v)
        return self.proj(y, v)

    def inner(self, x: Value, u: Value, v: Value) -> TensorVariable:
        """Inner product of the tangents u and v at x, one number a matrix."""
        _, u, v = self.arguments("inner", x=x, u=u, v=v)
        return self.matrices.inner(u, v)

    def norm(self, x: Value, u: Value) -> TensorVariable:
        """Length of the tangent u at x, one number a matrix."""
        _, u = self.arguments("norm", x=x, u=u)
        return self.matrices.norm(u)

    def mean_square(self, x: Value, u: Value) -> TensorVariable:
        """Square of u on the scale of one coordinate, shaped to broadcast against u.

        It is |u|^2 / dim, one number a matrix, so that a tangent divided by its root is a tangent.
        """
        x, u = self.arguments("mean_square", x=x, u=u)
        rows, columns = u.type.shape[-2:]
        if rows is None or columns is None:
            raise ValueError(f"mean_square: the shape of u must be known, got {u.type.shape}")
        freedom = np.asarray(max(self.dim((rows, columns)), 1), u.type.dtype)
        return pt.shape_padright(self.inner(x, u, u) / freedom, self.matrices.axes)

    def nearest(self, x: M | Array) -> M:
        """Point of the manifold nearest to the matrix x."""
        raise NotImplementedError(f"{self} has no nearest point in closed form")

    def dim(self, shape: Sequence[int]) -> int:
        """Real dimension of the manifold of (m, n) matrices, ``shape`` = (..., m, n)."""
        raise NotImplementedError(f"{self} has no dim")

    def deviation(self, x: Array) -> Any:
        """How far a NumPy value is from the manifold, one number a matrix, in float64."""
        raise NotImplementedError(f"{self} has no deviation")

    def tolerance(self, x: Array) -> Any:
        """Deviation that rounding explains: 1000 eps times the square root of the matrix's rows."""
        return 1000 * np.finfo(x.dtype).eps * max(x.shape[-2] if x.ndim > 1 else 1, 1) ** 0.5

    def check_shape(self, method, name, shape):
        """Raise ValueError unless the static shape can be that of a stored point."""
        axes = self.matrices.axes
        planes = self.field == "complex"
        if len(shape) < axes or (planes and shape[-3] not in (2, None)):
            raise ValueError(
                f"{method}: {name} must be (..., {'2, ' * planes}m, n) on {self}, "
                f"got shape {tuple(shape)}"
            )
        rows, columns = shape[-2:]
        if None in (rows, columns):
            return
        if self.form == "square" and rows != columns:
            raise ValueError(
                f"{method}: {name} must have square matrices on {self}, got shape {tuple(shape)}"
            )
        if self.form == "tall" and rows < columns:
            raise ValueError(
                f"{method}: {name} must have at least as many rows as columns on {self}, "
                f"got shape {tuple(shape)}"
            )

    def random_point(
        self, shape: int | Sequence[int], rng: Seed = None, dtype: Any = None
    ) -> Array:
        """Random point, stored: matrices of shape (..., m, n) as a real NumPy array.

        ``rng``: a Generator or a seed; dtype float32 or float64, by default ``floatX``.
        """
        raise NotImplementedError(f"{self} has no random_point")

    def random_tangent(self, x: Array, rng: Seed = None) -> Array:
        """Random tangent at the NumPy point x, stored or complex as x is: a normal matrix, projected."""
        stored = np.asarray(storage(x))
        rng = np.random.default_rng(rng)
        # The matrix that a point of a sphere was made of, drawn again from the same seed, leaves
        # nothing but rounding: then the next one.
        for _ in range(2):
            normal = rng.standard_normal(stored.shape).astype(stored.dtype)
            tangent = evaluate(self.proj(*map(pt.as_tensor, (stored, normal))))
            noise = np.finfo(stored.dtype).eps ** 0.5 * np.linalg.norm(normal)
            if np.linalg.norm(tangent) > noise:
                break
        return to_complex(tangent) if is_complex(x) else tangent

    def normal_matrices(self, shape, rng):
        """NumPy matrices with independent standard normal entries of the field, in double."""
        rng = np.random.default_rng(rng)
        z = rng.standard_normal(shape)
        return z + 1j * rng.standard_normal(shape) if self.field == "complex" else z

    def store(self, z, dtype):
        """Stored value of NumPy matrices, dtype by default ``floatX``."""
        dtype = config.floatX if dtype is None else np.dtype(dtype).name
        if dtype not in REAL_DTYPES:
            raise TypeError(f"random_point: dtype must be float32 or float64, got {dtype}")
        return self.matrices.from_numpy(z).astype(dtype)

    def load(self, x):
        """NumPy matrices of a stored value, in double."""
        return self.matrices.to_numpy(np.asarray(x, dtype="float64"))

    def arguments(self, method, **values):
        """Tensors of the values, checked to be float, of one dtype and stored as the field says."""
        tensors = {name: pt.as_tensor_variable(value) for name, value in values.items()}
        for name, value in tensors.items():
            if value.type.dtype not in REAL_DTYPES:
                stack = "; unitarygraph.stacked.from_complex stacks a complex array"
                raise TypeError(
                    f"{method}: {name} must be float32 or float64, got dtype {value.type.dtype}"
                    + stack * value.type.dtype.startswith("complex")
                )
            self.check_shape(method, name, value.type.shape)
        dtypes = {value.type.dtype for value in tensors.values()}
        if len(dtypes) > 1:
            listed = ", ".join(f"{name} {value.type.dtype}" for name, value in tensors.items())
            raise TypeError(f"{method}: {', '.join(tensors)} must have one dtype, got {listed}")
        return tensors.values()


take_complex_in(Manifold)
