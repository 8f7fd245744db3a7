r"""A quantum gate by control pulses: U(theta) = prod_k exp(-i (H0 + theta_k H1) dt), fitted to a target.

Hermitian generators, unitary by construction; the fidelity is :math:`|\mathrm{tr}(V^H U)| / n`. Physics
with the same variables, gradients and checks as a network.

    python examples/gate_synthesis.py
"""

from functools import reduce
from operator import matmul

import numpy as np

import unitarygraph as ug

X = np.array([[0, 1], [1, 0]]) + 0j
Z = np.array([[1, 0], [0, -1]]) + 0j
I = np.eye(2) + 0j
SLICES, DT = 12, 0.25
DRIFT = np.kron(Z, Z)
CONTROLS = [np.kron(X, I), np.kron(I, X), np.kron(Z, I), np.kron(I, Z)]
CNOT = np.eye(4)[[0, 1, 3, 2]] + 0j


def main(steps=300, mode="FAST_COMPILE"):
    """Fit the pulses; returns the fidelity's gap to 1."""
    rng = np.random.default_rng(1)
    theta = ug.parameter(rng.normal(size=(SLICES, len(CONTROLS))), name="theta")

    def slice_of(k):
        pulse = sum(theta[k, j] * ug.as_complex(H) for j, H in enumerate(CONTROLS))
        return ug.expm(-1j * DT * (pulse + DRIFT), skew_hermitian=True)

    U = reduce(matmul, [slice_of(k) for k in range(SLICES)])
    infidelity = 1 - abs((CNOT.conj().T @ U).trace()) / 4
    updates = ug.updates.adam(infidelity, [theta], 0.05)
    step = ug.function([], [infidelity, U], updates=updates, mode=mode)
    for k in range(1, steps + 1):
        gap, gate = step()
        if k % 100 == 0 or k == steps:
            defect = np.linalg.norm(gate.conj().T @ gate - np.eye(4))
            print(f"step {k}: 1 - fidelity {gap:.2e}, ||U^H U - I|| {defect:.1e}")
    return float(gap)


if __name__ == "__main__":
    main()
