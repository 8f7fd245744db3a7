"""A user's script, for type checkers: `test_types` compares what they reveal with the comments."""

from typing import assert_type, reveal_type

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

import unitarygraph as ug
from unitarygraph.checks import GradientCheck
from unitarygraph.updates import adam, by_group, decoupled_decay, freeze, schedules

# Matrices and operators.
Z = ug.matrix("Z", shape=(4, 3))
x: TensorVariable = pt.matrix("x")
reveal_type(Z.H @ Z)  # ComplexVariable
reveal_type(Z.norm())  # TensorVariable
reveal_type((2j * Z + 1).imag)  # TensorVariable

# Functions of matrices.
Q, R = ug.qr(Z)
reveal_type(Q)  # ComplexVariable
reveal_type(ug.qr(x)[0])  # TensorVariable
reveal_type(ug.eigh(Z.H @ Z)[0])  # TensorVariable
reveal_type(ug.expm(Z.H @ Z, skew_hermitian=False))  # ComplexVariable
reveal_type(ug.logm(x, field="real"))  # TensorVariable
reveal_type(ug.dft(Z))  # ComplexVariable
reveal_type(ug.rotations(x, pt.matrix("theta")))  # TensorVariable
reveal_type(ug.nn.modrelu(Z, pt.vector("b")))  # ComplexVariable
ug.polar(np.eye(3) + 0j)
ug.newton_schulz(pt.tensor3("stored"), field="complex")

# Parameters and manifolds.
U = ug.manifolds.Unitary()
start: np.ndarray = U.random_point(3, rng=0)
W = ug.parameter(start, U, name="W", group="orthogonal")
z = ug.parameter(np.ones((3, 3), "complex128"), name="z")
b = ug.parameter([0.0, 1.0], name="b")
reveal_type(z.value)  # ndarray
reveal_type(z @ z.H)  # ComplexVariable
reveal_type(b.manifold)  # Manifold
reveal_type(U.proj(z, Z))  # ComplexVariable
reveal_type(U.retr(x, x, kind="qr"))  # TensorVariable
reveal_type(U.inner(z, z, z))  # TensorVariable
U.retr(start, start)

# Loss, gradient, updates, function.
loss = (W @ Z.H).norm() ** 2 + z.norm() + b.norm(2)
reveal_type(ug.grad(loss, z))  # ComplexVariable
step, count = schedules.step_counter()
rate = schedules.cosine(step, 0.1, steps=100)
updates = freeze(adam(loss, [W, z, b], rate), [b]) | count
updates |= decoupled_decay(ug.updates.sgd(loss, z, 0.1), [z], 0.1, 1e-4)
train = ug.function([Z], loss, updates=updates)
reveal_type(train)  # Function
assert_type(ug.check_gradient(loss, W), GradientCheck)
found = ug.minimize(loss, [W], callback=lambda now: print(now.fun))


# Modules.
class Scaled(ug.Module):
    """A unitary matrix and a gain."""

    def __init__(self) -> None:
        self.weight = ug.parametrizations.Exp(3, field="complex", rng=0)
        self.cell = ug.nn.RecurrentCell(self.weight, 2, activation="modrelu")
        self.dense = ug.nn.Dense(3, 2, field="complex", name="out")

    def __call__(self, x: ug.ComplexVariable) -> ug.ComplexVariable:
        return self.dense(self.weight.apply(x))


scaled = Scaled()
reveal_type(scaled(Z))  # ComplexVariable
reveal_type(scaled.weight.value())  # ndarray
reveal_type(scaled.free_parameters())  # int
reveal_type(scaled.params)  # list[SharedVariable
by_group(loss, scaled, {"orthogonal": lambda g, p: adam(g, p, 1e-3)}, clip=1.0)
reveal_type(scaled.post_updates())  # dict[SharedVariable

# Runs.
run = ug.train("copying", "exprnn", hidden=16, steps=10)
reveal_type(run.metrics["loss"])  # ndarray
reveal_type(ug.unitarity(W))  # Any
ug.orthogonalize(scaled.params)
