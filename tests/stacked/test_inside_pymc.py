"""Complex variables inside PyMC 6 models: densities, their gradients, and a few draws."""

import numpy as np
import pytensor.tensor as pt
import pytest

import unitarygraph as ug

pm = pytest.importorskip("pymc", minversion="6.0", reason="needs PyMC 6 (Python 3.12 or later)")
# PyMC and ArviZ warn about each other; PyTensor about compiling without a C compiler.
pytestmark = pytest.mark.filterwarnings("ignore")

N = 3


def observed(rng):
    """Measured probabilities |U psi|^2 of a random unitary U on the basis states."""
    U = ug.manifolds.Unitary().random_point(N, rng, "float64")
    U = ug.stacked.to_complex(U)
    return np.abs(U) ** 2 + 0.01 * rng.standard_normal((N, N))


def model_of(data):
    """A unitary matrix by the exponential of normals, measured through its moduli."""
    with pm.Model() as model:
        x = pm.Normal("x", shape=(N, N))
        y = pm.Normal("y", shape=(N, N))
        A = ug.complex(x, y)
        U = ug.expm((A - A.H) / 2)
        pm.Deterministic("probability", abs(U) ** 2)
        pm.Deterministic("defect", (U.H @ U - np.eye(N)).norm())
        pm.Normal("data", abs(U) ** 2, 0.05, observed=data)
    return model


def test_density_and_gradient(rng):
    model = model_of(observed(rng))
    point = {"x": rng.standard_normal((N, N)), "y": rng.standard_normal((N, N))}
    logp = model.compile_logp(mode="FAST_COMPILE")
    gradient = model.compile_dlogp(mode="FAST_COMPILE")(point)
    h = 1e-6
    direction = {k: rng.standard_normal(v.shape) for k, v in point.items()}
    rise = [logp({k: v + s * h * direction[k] for k, v in point.items()}) for s in (1, -1)]
    # PyMC flattens its point in the order of its free variables.
    flat = np.concatenate([direction[v.name].ravel() for v in model.free_RVs])
    assert gradient @ flat == pytest.approx((rise[0] - rise[1]) / (2 * h), rel=1e-6)


def test_forward_draws_are_unitary(rng):
    model = model_of(observed(rng))
    with model:
        draws = pm.draw(model["defect"], draws=5, random_seed=1, mode="FAST_COMPILE")
        rows = pm.draw(model["probability"].sum(axis=-1), draws=5, mode="FAST_COMPILE")
    # The defect is a constant zero for a graph that knows that U is unitary; its rows still sum to 1.
    assert np.all(draws <= 1e-13)
    assert np.allclose(rows, 1, rtol=1e-13)


@pytest.mark.slow
def test_sampling(rng):
    with model_of(observed(rng)):
        trace = pm.sample(
            draws=20,
            tune=20,
            chains=1,
            random_seed=1,
            progressbar=False,
            compute_convergence_checks=False,
        )
    defect = trace["posterior"]["defect"].to_numpy()
    assert defect.shape == (1, 20)
    assert np.all(defect <= 1e-12)
    assert isinstance(pt.as_tensor_variable(defect), pt.TensorVariable)
