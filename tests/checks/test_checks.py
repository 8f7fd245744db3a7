from typing import ClassVar

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from pytensor.gradient import DisconnectedInputError, disconnected_grad
from pytensor.tensor.type import TensorType

import unitarygraph as ug
from unitarygraph import stacked
from unitarygraph.checks import check_gradient, check_hessian, check_retraction, matrix_unitarity
from unitarygraph.core.layout import is_complex, plain
from unitarygraph.manifolds import Euclidean, PositiveDefinite, Retraction, Sphere, Stiefel, Unitary
from unitarygraph.parameter import ComplexParameter, parameter
from unitarygraph.weights import unitarity


def users_product(A, B):
    result = pt.zeros((2, A.shape[1], B.shape[2]), dtype=A.dtype)
    pt.set_subtensor(result[0], A[0] @ B[0] - A[1] @ B[1])
    pt.set_subtensor(result[1], A[0] @ B[1] + A[1] @ B[0])
    return result


class NotProjected(Unitary):
    """The projection of seed 002, whose products are zero: the gradient itself."""

    def proj(self, x, g):
        x, g = map(pt.as_tensor_variable, (x, g))
        return g - users_product(x, users_product(stacked.hconj(g), x))


class PlainTranspose(Unitary):
    """After the first repair: the conjugation is discarded still."""

    def proj(self, x, g):
        x, g = map(pt.as_tensor_variable, (x, g))
        turned = stacked.matmul(x.transpose(0, 2, 1), g)
        return stacked.matmul(x, (turned - turned.transpose(0, 2, 1)) / 2)


class Overstated(Unitary):
    retraction_table: ClassVar = {"qr": Unitary.retraction_table["qr"]._replace(order=2)}


class Doubled(Unitary):
    retraction_table: ClassVar = {
        "polar": Retraction(
            1, lambda matrices, x, u: Unitary.retraction_table["polar"].move(matrices, x, 2 * u)
        )
    }


def weights(manifold=None, dtype="float64", n=4):
    value = Unitary().random_point(n, 0, dtype)
    return parameter(value, manifold or Unitary(), name="W")


def test_a_right_gradient_passes_and_prints():
    W = weights()
    before = W.get_value()
    x = pt.dmatrix("x")
    loss = (pt.tanh(plain(W)) * x).sum() ** 2
    result = check_gradient(loss, W, {x: np.random.default_rng(0).normal(size=(4, 4))})
    assert result
    assert result.passed
    assert np.array_equal(W.get_value(), before)
    text = str(result)
    assert "W on Unitary(complex)" in text
    assert "difference" in text
    assert "passed" in text


@pytest.mark.parametrize("retraction", ["qr", "polar", "cayley", "exp"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_retraction_serves(retraction, dtype):
    W = weights(dtype=dtype)
    a = np.random.default_rng(0).normal(size=(2, 4, 4)).astype(dtype)
    result = check_gradient((a * plain(W) ** 3).sum(), W, retraction=retraction)
    assert result, str(result)


def test_flat_parameters_of_any_shape():
    for shape in [(), (3,), (2, 3), (2, 2, 3, 2)]:
        p = pytensor.shared(np.random.default_rng(1).normal(size=shape), name="p")
        assert check_gradient((pt.sin(p) ** 2).sum(), p)
    p = parameter(np.ones(3))
    assert check_gradient(pt.sum(p * 0.0), p).passed  # flat loss: zero against zero


def test_errors_shrink_with_the_square_of_the_step():
    W = weights()
    a = np.random.default_rng(0).normal(size=(2, 4, 4))
    result = check_gradient(
        (a * pt.exp(plain(W))).sum(), W, steps=[1e-1, 1e-2, 1e-3], retraction="exp"
    )
    rates = np.log10(result.errors[:, :-1] / result.errors[:, 1:])
    assert np.all(np.abs(rates - 2) < 0.3)


def test_a_missing_term_in_the_gradient_fails():
    W = weights()
    result = check_gradient((plain(W) ** 2 * disconnected_grad(plain(W))).sum(), W)
    assert not result
    assert "FAILED" in str(result)


@pytest.mark.parametrize("manifold", [NotProjected(), PlainTranspose()], ids=repr)
def test_the_projection_of_seed_002_fails_although_qr_keeps_it_unitary(manifold):
    W = weights(manifold)
    a = np.random.default_rng(0).normal(size=(2, 4, 4))
    result = check_gradient((a * plain(W)).sum(), W)
    assert not result.passed
    assert result.tangency > 0.1
    retraction = check_retraction(manifold, (4, 4))
    assert not retraction.passed
    assert retraction.tangency > 0.1


def test_gradient_errors():
    W = weights()
    with pytest.raises(ValueError, match="loss must be a scalar"):
        check_gradient(plain(W) * 2, W)
    with pytest.raises(DisconnectedInputError):
        check_gradient(pt.dscalar("x") * 1.0, W)
    with pytest.raises(TypeError, match="shared variables"):
        check_gradient(plain(W).sum(), plain(W) * 2)


class Flat(Unitary):
    """Its Hessian forgets the curvature of the manifold."""

    def ehess2rhess(self, x, egrad, ehess, u):
        return self.proj(x, ehess)


class NotTangent(Unitary):
    """Its Hessian has a part across the manifold."""

    def ehess2rhess(self, x, egrad, ehess, u):
        return super().ehess2rhess(x, egrad, ehess, u) + x


class NotSymmetric(Sphere):
    """A term across u, which no slope along u shows."""

    def ehess2rhess(self, x, egrad, ehess, u):
        turn = np.triu(np.ones((6, 6)), 1)
        across = ((turn - turn.T) @ u.ravel()).reshape(u.shape)
        return super().ehess2rhess(x, egrad, ehess, u) + self.proj(x, across)


class OtherMetric(PositiveDefinite):
    """The gradient of the space around, not that of the metric."""

    def egrad2rgrad(self, x, g):
        return self.proj(x, g)


def test_a_right_hessian_passes_and_prints():
    W = weights()
    before = W.get_value()
    x = pt.dmatrix("x")
    loss = (pt.tanh(plain(W)) * x).sum() ** 2
    result = check_hessian(loss, W, {x: np.random.default_rng(0).normal(size=(4, 4))})
    assert result
    assert result.passed
    assert np.array_equal(W.get_value(), before)
    assert np.all(np.abs(result.slopes - 3) < 0.25)
    text = str(result)
    assert "Hessian of W on Unitary(complex)" in text
    assert "expected 3" in text
    assert "passed" in text


def test_hessians_in_single_precision_and_in_flat_space():
    W = weights(dtype="float32")
    a = np.random.default_rng(0).normal(size=(2, 4, 4)).astype("float32")
    result = check_hessian((a * plain(W) ** 3).sum(), W, retraction="polar")
    assert result, str(result)
    for shape in [(), (3,), (2, 2, 3, 2)]:
        p = pytensor.shared(np.random.default_rng(1).normal(size=shape), name="p")
        assert check_hessian((pt.sin(p) ** 2).sum(), p)
    # A quadratic leaves no error to take a slope of, a linear loss has no Hessian.
    assert check_hessian((p**2).sum(), p)
    assert check_hessian(p.sum(), p)


@pytest.mark.parametrize("manifold", [Flat(), NotTangent()], ids=repr)
def test_wrong_hessians_fail(manifold):
    W = weights(manifold)
    a = np.random.default_rng(0).normal(size=(2, 4, 4))
    result = check_hessian((a * plain(W)).sum(), W)
    assert not result
    assert "FAILED" in str(result)
    if isinstance(manifold, Flat):
        assert np.all(np.abs(result.slopes - 2) < 0.25)
    else:
        assert result.tangency > 0.1


def test_a_hessian_that_is_not_symmetric_fails():
    manifold = NotSymmetric("real")
    x = parameter(manifold.random_point((2, 3), 0, "float64"), manifold)
    result = check_hessian((x**3).sum(), x)
    assert not result
    assert np.all(result.slopes > 2.75)
    assert result.asymmetry > 0.1


@pytest.mark.parametrize(("manifold", "right"), [(OtherMetric, False), (PositiveDefinite, True)])
def test_gradient_and_hessian_are_those_of_the_metric(manifold, right):
    x = parameter(manifold("real").random_point(3, 0, "float64"), manifold("real"))
    loss = (np.random.default_rng(0).normal(size=(3, 3)) * x**2).sum()
    assert bool(check_gradient(loss, x)) == right
    assert bool(check_hessian(loss, x)) == right


def test_hessian_errors():
    W = weights()
    with pytest.raises(ValueError, match="check_hessian: loss must be a scalar"):
        check_hessian(plain(W) * 2, W)
    with pytest.raises(ValueError, match=r"must be of order 2.*'polar', 'cayley', 'exp'.*got 'qr'"):
        check_hessian(plain(W).sum(), W, retraction="qr")
    with pytest.raises(DisconnectedInputError):
        check_hessian(pt.dscalar("x") * 1.0, W)


def test_plots(tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    W = weights()
    result = check_gradient((plain(W) ** 3).sum(), W, plot=tmp_path / "gradient.png")
    assert (tmp_path / "gradient.png").stat().st_size > 5000
    axes = Figure().add_subplot()
    assert result.plot(axes) is axes
    assert axes.get_xscale() == axes.get_yscale() == "log"
    check_hessian((plain(W) ** 3).sum(), W, plot=tmp_path / "hessian.png")
    assert (tmp_path / "hessian.png").exists()
    check_retraction(Unitary(), (3, 3), plot=str(tmp_path / "retraction.png"))
    assert (tmp_path / "retraction.png").exists()


@pytest.mark.parametrize("manifold", [Overstated(), Doubled()], ids=repr)
def test_false_retractions_fail(manifold):
    result = check_retraction(manifold, (4, 4))
    assert not result
    assert "FAILED" in str(result)


def test_raw_qr_is_no_retraction():
    class RawQR(Unitary):
        retraction_table: ClassVar = {"raw": Retraction(1, lambda m, x, u: pt.linalg.qr(x + u)[0])}

    result = check_retraction(RawQR("real"), (6, 6), rng=1)
    assert not result.passed
    assert result.kinds["raw"].origin > 1  # columns flip


def test_retraction_table_prints():
    text = str(check_retraction(Stiefel("real"), (5, 2), kinds=["qr", "exp"]))
    assert "retractions of Stiefel(real)" in text
    assert "qr" in text
    assert "cayley" not in text
    with pytest.raises(ValueError, match="'qr', 'polar'"):
        check_retraction(Unitary(), kinds=["svd"])


def complex_shared(value, manifold=None):
    """A complex shared variable, on a manifold or not."""
    stored = stacked.from_complex(value)
    kind = TensorType(stored.dtype.name, shape=stored.shape)
    variable = ComplexParameter(type=kind, value=stored, strict=False, name="W")
    if manifold is not None:
        variable.tag.manifold = manifold
    return variable


@pytest.mark.parametrize("manifold", [None, Unitary(), Sphere()], ids=str)
@pytest.mark.parametrize("check", [check_gradient, check_hessian])
def test_complex_parameters_and_inputs(check, manifold):
    rng = np.random.default_rng(0)
    value = stacked.to_complex((manifold or Unitary()).random_point((3, 3), 0, "float64"))
    W = complex_shared(value, manifold)
    Z = ug.matrix("Z", shape=(3, 3), dtype="float64")
    given = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    loss = abs((Z @ W @ W.H @ W.T).trace()) ** 2 + (W**3).real.sum()
    for inputs in ({Z: given}, {Z: stacked.from_complex(given)}):
        result = check(loss, W, inputs)
        assert result, str(result)
    assert np.array_equal(W.value, value)
    # The same numbers as of the stored parameter.
    P = parameter(stacked.from_complex(value), manifold or Euclidean())
    C = ug.as_complex(P) if not is_complex(P) else P
    same = abs((Z @ C @ C.H @ C.T).trace()) ** 2 + (C**3).real.sum()
    assert_allclose(check(same, P, inputs).slopes, result.slopes, rtol=1e-6)
    with pytest.raises(ValueError, match="loss must be a scalar"):
        check((Z @ W).trace(), W, inputs)
    assert unitarity(W) == pytest.approx(unitarity(value), abs=1e-15)
    assert unitarity([W])[W] == pytest.approx(unitarity(value), abs=1e-15)


def test_the_default_retraction_is_the_manifolds_best():
    W = weights()
    a = np.random.default_rng(0).normal(size=(2, 4, 4))
    loss = (a * pt.exp(plain(W))).sum()
    for check in (check_gradient, check_hessian):
        found, named = check(loss, W), check(loss, W, retraction="polar")
        assert np.array_equal(found.errors, named.errors)


def test_unitarity_of_everything_it_takes():
    x = Unitary().random_point((3, 4, 4), 0, "float64")
    z = stacked.to_complex(x)
    assert unitarity(z[0]) < 1e-14
    assert unitarity(2 * z[0]) == pytest.approx(6)
    assert unitarity(z).shape == (3,)
    assert unitarity(2 * x, field="complex") == pytest.approx([6, 6, 6])
    assert unitarity(np.eye(3)) == 0
    assert unitarity(np.eye(5)[:, :2]) == 0
    assert unitarity([[0, 1], [1, 0]]) == 0
    assert unitarity(Unitary("real").random_point(8, 0, "float32")) < 1e-6
    assert unitarity(weights()) < 1e-14
    assert unitarity(pytensor.shared(x[0], name="p"), field="complex") < 1e-14
    assert unitarity(pytensor.shared(np.eye(2), name="p")) == 0
    assert unitarity(2 * x, field="real").shape == (3, 2)
    assert np.isnan(unitarity(np.nan * z[0]))
    for W in (z, z[0], np.eye(3), weights()):
        assert np.array_equal(matrix_unitarity(W), unitarity(W))

    class Model:
        def recurrent_matrix(self):
            return 2 * z[0]

    assert unitarity(Model()) == pytest.approx(6)


def test_unitarity_says_what_it_cannot_take():
    stored = Unitary().random_point(2, 0, "float64")
    for one in (stored, pytensor.shared(stored, name="p"), np.ones((3, 2, 4))):
        with pytest.raises(ValueError, match=r"field='real' or field='complex', .*parameter with"):
            unitarity(one)
    with pytest.raises(ValueError, match=r"W must be \(..., m, n\)"):
        unitarity(np.ones(3))
    with pytest.raises(TypeError, match="array, a shared variable or a model"):
        unitarity(plain(weights()) * 2)
    with pytest.raises(TypeError, match="array, a shared"):
        unitarity("W")
