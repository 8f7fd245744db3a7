"""A recurrent net with a unitary hidden matrix, trained by a loop of one's own.

The net is shown one of four symbols, then ten steps of noise, and must name the symbol at the end.
Everything complex is written with operators and NumPy complex arrays; the loop is plain Python.

    python examples/own_training_loop.py --steps 200
"""

import argparse

import numpy as np
import pytensor.tensor as pt

import unitarygraph as ug

UNITS, SYMBOLS, TIME, BATCH = 32, 4, 10, 16


def net(rng):
    """Inputs, loss, accuracy and parameters."""

    def normal(*shape):
        z = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
        return z / np.sqrt(2 * shape[0])

    x = ug.matrix("x", shape=(TIME, BATCH, SYMBOLS), dtype="float64")
    y = pt.tensor("y", shape=(BATCH, SYMBOLS), dtype="float64")

    U = ug.manifolds.Unitary()
    W = ug.parameter(U.random_point(UNITS, rng, "float64"), U, name="W")
    V = ug.parameter(normal(SYMBOLS, UNITS), name="V")
    out = ug.parameter(normal(UNITS, SYMBOLS), name="out")
    bias = ug.parameter(np.zeros(UNITS), name="bias")

    h0 = ug.as_complex(np.zeros((BATCH, UNITS), complex))
    last = ug.recurrence(x @ V, W, h0, bias, activation="modrelu", states="last")
    scores = (last @ out).real
    loss = -(y * pt.special.log_softmax(scores, axis=-1)).sum(axis=-1).mean()
    accuracy = pt.eq(scores.argmax(axis=-1), y.argmax(axis=-1)).mean()
    return [x, y], loss, accuracy, [W, V, out, bias]


def batch(rng):
    """Inputs, complex, and the symbols to be named."""
    x = 0.1 * (
        rng.standard_normal((TIME, BATCH, SYMBOLS))
        + 1j * rng.standard_normal((TIME, BATCH, SYMBOLS))
    )
    y = np.eye(SYMBOLS)[rng.integers(SYMBOLS, size=BATCH)]
    x[0] += y
    return x, y


def main(steps=200, mode="KERNELS"):
    """Train, and print what happens; returns the last loss and how unitary W is."""
    rng = np.random.default_rng(0)
    inputs, loss, accuracy, params = net(rng)
    updates = ug.updates.rmsprop(loss, params, 1e-3, retraction="exp")
    step = ug.function(inputs, [loss, accuracy], updates=updates, mode=mode)
    for k in range(1, steps + 1):
        value, right = step(*batch(rng))
        if k % 50 == 0 or k == steps:
            W = params[0]
            print(
                f"step {k}: loss {value:.4f}, accuracy {right:.2f}, ||W^H W - I|| {ug.unitarity(W):.1e}"
            )
    return float(value), ug.unitarity(params[0])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=200)
    main(parser.parse_args().steps)
