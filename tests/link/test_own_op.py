"""An Op that the package does not know: one class and one row, and every backend runs it.

What a user writes who follows CONTRIBUTING's recipe, in one file; no table inside the package has a
line for it.
"""

import builtins
from importlib import import_module
from inspect import isfunction

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import test_ops
from backend_modes import PACKAGES, THIRD_PARTY, the_mode
from op_table import TABLE, Row, general
from oracles import complex_normal

from unitarygraph.core.array import hconj
from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.stacked.algebra import algebra

pytestmark = [pytest.mark.filterwarnings(line) for line in THIRD_PARTY]


class Gram(MatrixOp):
    r""":math:`G = A^H A`; adjoint :math:`\bar A = A (\bar G + \bar G^H)`."""

    title = "gram"
    arguments = ("A",)
    signature = "F(m,n)->F(n,n)"

    def matrix(self, a):
        return a.conj().T @ a

    def array(self, xp, a):
        return hconj(xp, a) @ a

    def pullback(self, inputs, outputs, cotangents):
        matrices = algebra(self.field)
        return [matrices.matmul(inputs[0], 2 * matrices.hermitian(cotangents[0]))]

    def pushforward(self, inputs, outputs, tangents):
        matrices = algebra(self.field)
        inside = matrices.matmul(matrices.hconj(inputs[0]), tangents[0])
        return [2 * matrices.hermitian(inside)]


ROW = Row(lambda a, field: Gram(field)(a), general, lambda a: a.conj().T @ a, tall=True)


@pytest.mark.parametrize("mode", ["FAST_COMPILE", "NUMBA", *PACKAGES])
def test_value_and_gradient_on_every_backend(mode, rng):
    """In one compiled function: a batch in each field, its gradient, a matrix that holds NaN."""
    weights, batches, variables, outputs = {}, {}, [], []
    for field in ("complex", "real"):
        z = complex_normal(rng, 3, 4, 2)
        z, w = (z, complex_normal(rng, 3, 2, 2)) if field == "complex" else (z.real, z.real[:, :2])
        z[2, 0, 0] = np.nan
        batches[field], weights[field] = z, w
        store = algebra(field).from_numpy
        x = pt.tensor(dtype="float64", shape=(None, *store(z).shape[1:]))
        y = Gram(field)(x)
        variables.append(x)
        outputs += [y, pt.grad((y * store(w)).sum(), x)]
    given = [algebra(field).from_numpy(z) for field, z in batches.items()]
    if mode in PACKAGES:
        with the_mode(mode):
            results = pytensor.function(variables, outputs, mode=mode)(*given)
    else:
        results = pytensor.function(variables, outputs, mode=mode)(*given)
    eps = np.finfo("float64").eps
    for field, z in batches.items():
        w, zh = weights[field], np.swapaxes(z, -1, -2).conj()
        for exact in (zh @ z, z @ (w + np.swapaxes(w, -1, -2).conj())):
            got = algebra(field).to_numpy(np.asarray(results.pop(0)))
            np.testing.assert_allclose(got[:2], exact[:2], rtol=0, atol=100 * eps)
            assert np.isnan(got[2]).any()


def test_an_op_may_use_all_that_the_two_libraries_share():
    """No list of names inside the package has to grow with an Op."""
    for backend, package in (("jax", "jax.numpy"), ("pytorch", "torch")):
        library = pytest.importorskip(package)
        namespace = import_module(f"unitarygraph.link.{backend}.namespace")
        assert namespace.cosh is library.cosh
        with pytest.raises(AttributeError, match="no_such_function"):
            _ = namespace.no_such_function
        # A name that was looked up is the module's from then on, but for what its functions need.
        assert "cosh" in vars(namespace)
        ours = [f for f in vars(namespace).values() if isfunction(f)]
        ours = [f for f in ours if f.__module__ == namespace.__name__]
        own = {name for f in ours for name in f.__code__.co_names}
        for name in own & set(dir(builtins)):
            getattr(namespace, name, None)
            assert name not in vars(namespace), name


LAWS = {
    "numpy": lambda name, field, rng: test_ops.test_agrees_with_numpy(name, field, "float32", rng),
    "gradient": lambda *case: test_ops.test_derivatives_by_differences(*case[:2], 1, case[2]),
    "second": lambda *case: test_ops.test_derivatives_by_differences(*case[:2], 2, case[2]),
    "adjoint": test_ops.test_pushforward_is_the_adjoint_of_pullback,
    "batch": lambda name, field, rng: test_ops.test_a_batch_is_a_loop(name, field, "float64", rng),
    "shapes": test_ops.test_shapes_without_values,
    "errors": test_ops.test_clear_errors,
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("field", ["complex", "real"])
def test_one_row_puts_it_under_the_laws(law, field, rng, monkeypatch):
    monkeypatch.setitem(TABLE, "gram", ROW)
    LAWS[law]("gram", field, rng)
