"""Gates' tanh and logistic function against NumPy in double precision."""

import ast
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit

from unitarygraph import nn
from unitarygraph.ops import gates


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", ["NUMBA", "FAST_COMPILE"])
def test_values_and_slopes_to_the_last_digits(mode, dtype):
    x = pt.vector("x", dtype=dtype)
    results = [gates.tanh(x), gates.sigmoid(x)]
    results += [pytensor.grad(r.sum(), x) for r in results]
    assert {r.type.dtype for r in results} == {dtype}
    ends = [0.0, 1e-30, 8, 20, 1e4, np.inf]
    points = np.concatenate([np.linspace(0, 10, 20001), np.geomspace(1e-20, 1, 2001), ends])
    points = np.concatenate([-points, points]).astype(dtype)
    found = pytensor.function([x], results, mode=mode)(points)
    exact = points.astype("float64")
    t, s = np.tanh(exact), expit(exact)
    eps = np.finfo(dtype).eps
    assert_allclose(found[0], t, rtol=4 * eps)
    assert np.abs(found[0]).max() <= 1
    for value, expected in zip(found[1:], [s, 1 - t * t, s * (1 - s)], strict=True):
        assert_allclose(value, expected, rtol=0, atol=4 * eps)


def test_nothing_comes_of_nothing():
    x = pt.vector("x", dtype="float32")
    f = pytensor.function([x], gates.tanh(x), mode="NUMBA")
    assert np.isnan(f(np.array([np.nan], "float32"))).all()


def slow_gates(source):
    """Lines of functions named step that call PyTensor's own tanh or logistic function."""
    for step in ast.walk(ast.parse(source)):
        if isinstance(step, ast.FunctionDef) and step.name == "step":
            for node in ast.walk(step):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                    "pt.sigmoid",
                    "pt.tanh",
                }:
                    yield node.lineno


def test_no_step_of_a_cell_uses_the_slow_ones():
    assert list(slow_gates("def step(h):\n    return pt.sigmoid(h)")) == [2]
    cells = sorted(Path(nn.__file__).parent.glob("*_cell.py"))
    assert cells
    found = {path.name: list(slow_gates(path.read_text())) for path in cells}
    assert {name: lines for name, lines in found.items() if lines} == {}
