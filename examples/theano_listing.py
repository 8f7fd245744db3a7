r"""A unitary manifold written for Theano in 2016, line by line on stacked storage, and with operators.

The listing that this library began with multiplied complex matrices of shape ``(2, n, n)`` by hand and
lost its matrix after one update (docs/wrong-graph.md tells how). Here are its functions twice:

- `Stacked`: the same functions, line by line, with `unitarygraph.stacked`;
- `Operators`: the same functions with complex variables.

Both are trained by the modified SGD of the listing, by the exponential map and by the QR retraction,
beside ``ug.manifolds.Unitary``.

    python examples/theano_listing.py --steps 500
"""

import argparse

import numpy as np
import pytensor
import pytensor.tensor as pt

import unitarygraph as ug
from unitarygraph import stacked


class Stacked:
    """The listing on plain tensors ``(2, n, n)``; one comment a line of it."""

    def __init__(self, n):
        self.n = n

    def frac(self, A):
        return A[0, :, :], A[1, :, :]

    def complex_dot(self, A, B):
        return stacked.matmul(A, B)

    def hconj(self, A):
        return stacked.hconj(A)

    def identity(self):
        return stacked.eye(self.n, "float64")

    def zeros(self):
        return stacked.zeros((self.n, self.n), "float64")

    def concat(self, arrays, axis):
        return pt.concatenate(arrays, axis=axis + 1)

    def lincomb(self, X, a, U):
        return a * U

    def proj(self, X, G):
        XhG = self.complex_dot(self.hconj(X), G)
        return G - self.complex_dot(X, stacked.hermitian(XhG))

    def retr(self, X, U):
        # LAPACK's Q has arbitrary phases; only with R's diagonal positive is it a retraction.
        return ug.qr(X + U, field="complex")[0].stacked

    def exp(self, X, U):
        first = self.concat([X, U], axis=1)
        XhU = self.complex_dot(self.hconj(X), U)
        second = ug.expm(
            self.concat(
                [
                    self.concat([XhU, -self.complex_dot(self.hconj(U), U)], 1),
                    self.concat([self.identity(), XhU], 1),
                ],
                0,
            ),
            field="complex",
        ).stacked
        third = self.concat([ug.expm(-XhU, field="complex").stacked, self.zeros()], 0)
        return self.complex_dot(self.complex_dot(first, second), third)


class Operators:
    """The same with complex variables."""

    def __init__(self, n):
        self.n = n

    def lincomb(self, X, a, U):
        return a * U

    def proj(self, X, G):
        XhG = X.H @ G
        return G - X @ (XhG + XhG.H) / 2

    def retr(self, X, U):
        return ug.qr(X + U)[0]

    def exp(self, X, U):
        A, S, I = X.H @ U, U.H @ U, np.eye(self.n) + 0j
        first = stacked.concatenate([X, U], axis=1)
        second = ug.expm(stacked.block([[A, -S], [ug.as_complex(I), A]]))
        third = stacked.concatenate([ug.expm(-A), 0 * A], axis=0)
        return first @ second @ third


def net(units, rng, symbols=4, time=10, batch=8):
    """A recurrent net that must name at the end the symbol it saw at first; and batches for it."""

    def normal(*shape):
        z = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
        return z / np.sqrt(2 * shape[-2])

    x = ug.matrix("x", shape=(time, batch, symbols), dtype="float64")
    y = pt.tensor("y", shape=(batch, symbols), dtype="float64")
    U = ug.manifolds.Unitary()
    W = ug.parameter(U.random_point(units, rng, "float64"), U, name="W")
    V, out = ug.parameter(normal(symbols, units), name="V"), ug.parameter(normal(units, symbols))
    bias = ug.parameter(np.zeros(units), name="bias")
    h0 = ug.as_complex(np.zeros((batch, units), complex))
    h = ug.recurrence(x @ V, W, h0, bias, states="last")
    loss = -(y * pt.special.log_softmax((h @ out).real, axis=-1)).sum(axis=-1).mean()

    def draw(rng):
        values = 0.1 * normal(time, batch, symbols) * np.sqrt(2 * batch)
        names = np.eye(symbols)[rng.integers(symbols, size=batch)]
        values[0] += names
        return values, names

    return [x, y], loss, W, [V, out, bias], draw


def modified_sgd(manifold, map_name, loss, W, others, rate):
    """The listing's update rule: the unitary matrix by ``map_name``, the other parameters plainly."""
    gradients = ug.grad(loss, [W, *others])
    X, G = (
        (W, gradients[0]) if isinstance(manifold, Operators) else (W.stacked, gradients[0].stacked)
    )
    move = getattr(manifold, map_name)
    updates = {W: move(X, manifold.lincomb(X, -rate, manifold.proj(X, G)))}
    return updates | {p: p - rate * g for p, g in zip(others, gradients[1:], strict=True)}


def main(steps=500, units=128, rate=0.005, mode="KERNELS"):
    """Train by both writings and both maps; returns the largest deviation, and of the two graphs."""
    worst, apart = 0.0, 0.0
    for map_name in ("exp", "retr"):
        ends = []
        for writing in (Stacked(units), Operators(units)):
            rng = np.random.default_rng(2)
            inputs, loss, W, others, draw = net(units, rng)
            updates = modified_sgd(writing, map_name, loss, W, others, rate)
            step = ug.function(inputs, loss, updates=updates, mode=mode)
            losses = []
            for k in range(steps):
                losses.append(float(step(*draw(rng))))
                if k % 50 == 0 or k == steps - 1:
                    worst = max(worst, ug.unitarity(W))
            ends.append((W.value, losses))
            print(
                f"{map_name:4} {type(writing).__name__:9}: loss {losses[0]:.4f} -> {losses[-1]:.4f}, "
                f"U norm {np.linalg.norm(W.value):.10f}, ||W^H W - I|| {ug.unitarity(W):.1e}"
            )
        apart = max(apart, np.abs(ends[0][0] - ends[1][0]).max())
    print(f"largest deviation {worst:.1e}; the two writings end {apart:.1e} apart")
    return worst, apart


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--units", type=int, default=128)
    arguments = parser.parse_args()
    with pytensor.config.change_flags(floatX="float64"):
        main(arguments.steps, arguments.units)
