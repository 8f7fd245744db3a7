r"""What every manifold offers, and the parts that an embedded manifold inherits.

Points and vectors are stored as `unitarygraph.stacked` says: complex matrices ``(..., 2, m, n)``,
with ``field="real"`` plain ``(..., m, n)``. Tangents are matrices of the surrounding space, the
metric is :math:`\langle u, v\rangle = \mathrm{Re}\,\mathrm{tr}(u^H v)`. Leading axes are a
batch. Symbolic methods take tensors or NumPy arrays of one dtype and give tensors of that dtype.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor import config
from pytensor.graph.basic import Variable

from unitarygraph.core.layout import REAL_DTYPES, from_complex, is_complex, plain, to_complex
from unitarygraph.stacked.algebra import algebra
from unitarygraph.stacked.variables import mark

#: methods whose result is a point or a vector, and those whose result is real numbers
POINTS_AND_VECTORS = (
    "proj", "egrad2rgrad", "ehess2rhess", "retr", "exp", "log", "transport", "project",
)  # fmt: skip
NUMBERS = ("inner", "norm", "dist", "mean_square")


class Retraction(NamedTuple):
    r"""A retraction R of declared order: :math:`R(x, tu) = \mathrm{Exp}_x(tu) + O(t^{order+1})`.

    ``move(geometry, x, u)`` is the symbolic map, given the algebra of the field, or the manifold
    itself where the map depends on more than the field (`Manifold.geometry`).
    """

    order: int
    move: Callable[..., Any]


def takes_complex(method, marked):
    """A manifold's method on stored tensors, made to take complex variables and NumPy complex arrays.

    Where an argument is one, the result, if ``marked``, is a complex variable; else all is plain.
    """

    @wraps(method)
    def taking(self, *args, **kwargs):
        if not any(map(is_complex, (*args, *kwargs.values()))):
            return method(self, *args, **kwargs)
        if self.field == "real":
            raise ValueError(f"{method.__name__}: got a complex argument on {self}")
        stored = method(
            self, *map(stored_value, args), **{k: stored_value(v) for k, v in kwargs.items()}
        )
        return mark(stored) if marked else stored

    return taking


def stored_value(x):
    """Storage of a complex variable or NumPy complex array; anything else as it is."""
    return plain(x) if isinstance(x, Variable) or not is_complex(x) else from_complex(x)


@dataclass(frozen=True)
class Manifold:
    """A set of matrices over ``field``, with the metric of the space around it unless it says more.

    A subclass gives `retraction_table`, `proj`, `ehess2rhess`, `project`, `dim`, `deviation` and
    `random_point`, and where the manifold has them `log` and, if it is not the projection,
    `transport`; with a metric of its own `egrad2rgrad`, `inner` and `norm`.
    """

    field: str = "complex"

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        take_complex_in(cls)

    #: retractions by name
    retraction_table: ClassVar[Mapping[str, Retraction]] = {}
    #: whether `transport` keeps inner products
    isometric_transport: ClassVar[bool] = False
    #: whether the metric is a constant inner product of the space around the manifold
    is_embedded: ClassVar[bool] = True
    #: shape of the matrices: "any", "square", or "tall" with at least as many rows as columns
    form: ClassVar[str] = "any"
    #: fields over which the manifold exists
    fields: ClassVar[tuple[str, ...]] = ("complex", "real")

    def __post_init__(self):
        algebra(self.field)
        if self.field not in self.fields:
            name = type(self).__name__
            raise ValueError(f"{name}: field must be {self.fields[0]!r}, got {self.field!r}")

    def __str__(self):
        return f"{type(self).__name__}({self.field})"

    @property
    def matrices(self):
        """Algebra of the manifold's field."""
        return algebra(self.field)

    @property
    def geometry(self):
        """What the moves of `retraction_table` are given first: the algebra, or the manifold."""
        return self.matrices

    @property
    def retractions(self):
        """Names of the retractions with their declared orders."""
        return {name: entry.order for name, entry in self.retraction_table.items()}

    def proj(self, x, g):
        """Tangent vector at x nearest to g."""
        raise NotImplementedError(f"{self} has no proj")

    def egrad2rgrad(self, x, g):
        r"""Riemannian gradient of the Euclidean gradient g.

        The tangent r with :math:`\langle r, v\rangle_x = \mathrm{Re}\,\mathrm{tr}(g^H v)` for every
        tangent v: the projection, where the metric is that of the space around the manifold.
        """
        return self.proj(x, g)

    def ehess2rhess(self, x, egrad, ehess, u):
        """Riemannian Hessian applied to the tangent u.

        ``egrad``, ``ehess``: Euclidean gradient at x and its derivative in the direction u.
        """
        raise NotImplementedError(f"{self} has no ehess2rhess")

    def retr(self, x, u, kind="qr"):
        """Point reached from x along the tangent u by the retraction ``kind``.

        ``kind`` is a name of `retractions`, or a function of (algebra, x, u). Raises ValueError for
        other names.
        """
        if not callable(kind) and kind not in self.retraction_table:
            names = ", ".join(map(repr, self.retraction_table))
            raise ValueError(f"retr: kind must be one of {names} on {self}, got {kind!r}")
        x, u = self.arguments("retr", x=x, u=u)
        if callable(kind):
            return kind(self.matrices, x, u)
        return self.retraction_table[kind].move(self.geometry, x, u)

    def exp(self, x, u):
        """Exponential map: the end of the geodesic that leaves x with velocity u, at time 1."""
        x, u = self.arguments("exp", x=x, u=u)
        return self.retr(x, u, kind="exp")

    def log(self, x, y):
        """Tangent u at x with exp(x, u) = y, where the manifold has it in closed form."""
        raise NotImplementedError(f"{self} has no logarithm in closed form")

    def dist(self, x, y):
        """Geodesic distance, one number a matrix."""
        x, y = self.arguments("dist", x=x, y=y)
        return self.norm(x, self.log(x, y))

    def transport(self, x, y, v):
        """Tangent v at x moved to the tangent space at y, by projection.

        It does not keep lengths unless `isometric_transport` says so.
        """
        _, y, v = self.arguments("transport", x=x, y=y, v=v)
        return self.proj(y, v)

    def inner(self, x, u, v):
        """Inner product of the tangents u and v at x, one number a matrix."""
        _, u, v = self.arguments("inner", x=x, u=u, v=v)
        return self.matrices.inner(u, v)

    def norm(self, x, u):
        """Length of the tangent u at x, one number a matrix."""
        _, u = self.arguments("norm", x=x, u=u)
        return self.matrices.norm(u)

    def mean_square(self, x, u):
        """Square of u on the scale of one coordinate, shaped to broadcast against u.

        It is |u|^2 / dim, one number a matrix, so that a tangent divided by its root is a tangent.
        """
        x, u = self.arguments("mean_square", x=x, u=u)
        rows, columns = u.type.shape[-2:]
        if rows is None or columns is None:
            raise ValueError(f"mean_square: the shape of u must be known, got {u.type.shape}")
        freedom = np.asarray(max(self.dim((rows, columns)), 1), u.type.dtype)
        return pt.shape_padright(self.inner(x, u, u) / freedom, self.matrices.axes)

    def project(self, x):
        """Nearest point of the manifold, of the shape of x."""
        raise NotImplementedError(f"{self} has no project")

    def dim(self, shape):
        """Real dimension of the manifold of (m, n) matrices, ``shape`` = (..., m, n)."""
        raise NotImplementedError(f"{self} has no dim")

    def deviation(self, x):
        """How far a stored NumPy value is from the manifold, one number a matrix, in float64."""
        raise NotImplementedError(f"{self} has no deviation")

    def tolerance(self, x):
        """Deviation that rounding explains: 1000 eps times the square root of the matrix's rows."""
        return 1000 * np.finfo(x.dtype).eps * max(x.shape[-2] if x.ndim > 1 else 1, 1) ** 0.5

    def check_point(self, x, tol=None):
        """Whether the stored NumPy value x is on the manifold; True or an error.

        Raises ValueError that names the deviation and the limit ``tol`` (by default `tolerance`),
        or the shape; TypeError for a dtype other than float32 and float64.
        """
        x = np.asarray(stored_value(x))
        if x.dtype.name not in REAL_DTYPES:
            raise TypeError(f"check_point: x must be float32 or float64, got dtype {x.dtype}")
        self.check_shape("check_point", "x", x.shape)
        limit = self.tolerance(x) if tol is None else tol
        worst = np.max(self.deviation(x), initial=0.0)
        if not worst <= limit:
            raise ValueError(
                f"check_point: x is not on {self}: {self.deviation_formula} = {worst:.3g}, "
                f"the limit is {limit:.3g}"
            )
        return True

    #: what `deviation` measures, for error messages
    deviation_formula: ClassVar[str] = "deviation"

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

    def check_tangent(self, x, u, tol=None):
        """Whether the stored NumPy value u is tangent at x; True or an error.

        Raises ValueError that names the length of u's part across the tangent space, relative to
        u's length where that is above 1, and the limit ``tol`` (by default `tolerance`).
        """
        x, u = (np.asarray(stored_value(a)) for a in (x, u))
        self.check_shape("check_tangent", "u", u.shape)
        limit = self.tolerance(x) if tol is None else tol
        across = np.linalg.norm(evaluate(self.proj(x, u)) - u) / max(np.linalg.norm(u), 1.0)
        if not across <= limit:
            raise ValueError(
                f"check_tangent: u is not tangent at x on {self}: the part of u across the tangent "
                f"space is {across:.3g}, the limit is {limit:.3g}"
            )
        return True

    def random_point(self, shape, rng=None, dtype=None):
        """Random stored point: matrices of shape (..., m, n) as a NumPy array.

        ``rng``: a Generator or a seed; dtype float32 or float64, by default ``floatX``.
        """
        raise NotImplementedError(f"{self} has no random_point")

    def random_tangent(self, x, rng=None):
        """Random tangent at the NumPy point x, stored or complex as x is: a normal matrix, projected."""
        stored = np.asarray(stored_value(x))
        normal = np.random.default_rng(rng).standard_normal(stored.shape).astype(stored.dtype)
        tangent = evaluate(self.proj(stored, normal))
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


def take_complex_in(cls):
    """Make the symbolic methods that a class defines take complex arguments."""
    for names, marked in ((POINTS_AND_VECTORS, True), (NUMBERS, False)):
        for name in names:
            if name in cls.__dict__:
                setattr(cls, name, takes_complex(cls.__dict__[name], marked))


take_complex_in(Manifold)


def evaluate(expression, mode="FAST_COMPILE"):
    """NumPy value of a graph without inputs."""
    return pytensor.function([], expression, mode=mode)()


def gram_deviation(z):
    r""":math:`\|Z^H Z - I\|_F` of NumPy matrices ``(..., m, n)``, one number a matrix."""
    gram = np.conj(np.swapaxes(z, -1, -2)) @ z
    return np.linalg.norm(gram - np.eye(z.shape[-1]), axis=(-2, -1))
