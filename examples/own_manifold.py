r"""A manifold of one's own: positive probability vectors with the Fisher metric.

The open simplex :math:`\{x : x_i > 0, \sum x_i = 1\}` of columns, with :math:`\langle u, v\rangle_x =
\sum u_i v_i / x_i`. What the library's rules and checks need is five methods; here they find the
distribution that is nearest to counts with a smoothness penalty.

    python examples/own_manifold.py

Source: Sun, Liang, Dong, Wang (2016), "Heterogeneous tensor decomposition for clustering via manifold
optimization", section 3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytensor.tensor as pt

import unitarygraph as ug
from unitarygraph.manifolds import Manifold, Retraction


def softly(manifold, x, u):
    r""":math:`x \circ e^{u / x}`, normalized: a retraction of first order."""
    moved = x * pt.exp(u / x)
    return moved / moved.sum(axis=-2, keepdims=True)


def great_circle(manifold, x, u):
    r""":math:`(\sqrt x \cos t + v \sin(t)/t)^2`, v = u / (2 sqrt x), t = |v|: the exponential map.

    Roots of the points are unit vectors, and the metric is four times the sphere's.
    """
    root = pt.sqrt(x)
    v = u / (2 * root)
    t = pt.sqrt(pt.sqr(v).sum(axis=-2, keepdims=True) + 1e-30)
    return pt.sqr(root * pt.cos(t) + v * pt.sin(t) / t)


@dataclass(frozen=True)
class Simplex(Manifold):
    """Matrices whose columns are positive and sum to one."""

    field: str = "real"
    fields: ClassVar[tuple[str, ...]] = ("real",)
    is_embedded: ClassVar[bool] = False
    retraction_table: ClassVar[Mapping[str, Retraction]] = {
        "softly": Retraction(1, softly),
        "exp": Retraction(2, great_circle),
    }
    deviation_formula: ClassVar[str] = "max |column sum - 1| or -min x"

    def proj(self, x, g):
        """g less the column's mean, in the metric: tangents sum to zero."""
        return g - x * g.sum(axis=-2, keepdims=True)

    def egrad2rgrad(self, x, g):
        """x (g - sum x g)."""
        return x * (g - (x * g).sum(axis=-2, keepdims=True))

    def inner(self, x, u, v):
        """Sum of u v / x."""
        return (u * v / x).sum(axis=[-2, -1])

    def norm(self, x, u):
        """Length of u at x."""
        return pt.sqrt(self.inner(x, u, u))

    def dim(self, shape):
        """(m - 1) n."""
        return (shape[-2] - 1) * shape[-1]

    def deviation(self, x):
        """How far columns are from sums of one, or entries below zero."""
        x = np.asarray(x, "float64")
        return np.maximum(np.abs(x.sum(axis=-2) - 1).max(axis=-1), -x.min(axis=(-2, -1)))

    def random_point(self, shape, rng=None, dtype=None):
        """Columns uniform on the simplex."""
        x = np.random.default_rng(rng).exponential(size=shape)
        return (x / x.sum(axis=-2, keepdims=True)).astype(dtype or "float64")


def main(steps=300, mode="FAST_COMPILE"):
    """Fit; returns the value and the loss."""
    counts = np.array([9.0, 4, 1, 0, 0, 1, 3, 7])[:, None]
    simplex = Simplex()
    p = ug.parameter(simplex.random_point((8, 1), 0), simplex, name="p")
    loss = -(counts * pt.log(p)).sum() + 5 * pt.sqr(p[1:] - p[:-1]).sum() * counts.sum()
    print(ug.check_gradient(loss, p))
    print(ug.check_retraction(simplex, (8, 1)))
    updates = ug.updates.sgd(loss, [p], 0.01, retraction="softly")
    step = ug.function([], loss, updates=updates, mode=mode)
    losses = [float(step()) for _ in range(steps)]
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}; p = {p.value[:, 0].round(3)}")
    return p.value, losses


if __name__ == "__main__":
    main()
