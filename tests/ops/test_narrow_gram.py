"""The product of an input weight's gradient, its factors exchanged."""

import numpy as np
import pytensor.tensor as pt
import pytest

from unitarygraph.ops.recurrence.narrow import local_narrow_gram


@pytest.mark.parametrize("columns", [(3, 5), (5, 3), (None, 5), (1, 5)], ids=str)
def test_the_narrow_factor_of_a_long_product_comes_second(columns):
    x, z = (pt.tensor(dtype="float64", shape=(None, n)) for n in columns)
    node = pt.dot(x.T, z).owner
    found = local_narrow_gram.transform(None, node)
    if columns != (3, 5):
        assert not found
        return
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((7, 3)), rng.standard_normal((7, 5))
    assert found[0].owner.inputs[0].owner.inputs[1] is x
    np.testing.assert_allclose(
        found[0].eval({x: a, z: b}, mode="FAST_COMPILE"), a.T @ b, rtol=1e-13, atol=1e-13
    )
