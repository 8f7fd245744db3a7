"""Graphs of PyTensor alone are what they were: loading our kernels changes no value and no dtype."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import unitarygraph

JAX = """
import json, sys
import numpy as np
import pytensor
import pytensor.tensor as pt
if sys.argv[1] == "with":
    import unitarygraph
    import unitarygraph.link.jax
x = np.random.default_rng(0).standard_normal((7, 5))
found = {}
for dtype in ("float64", "float32", "int64", "bool"):
    v = pt.tensor("v", dtype=dtype, shape=(7, 5))
    for axis in (None, 0, 1):
        y = pt.sum(v, axis=axis)
        value = np.asarray(pytensor.function([v], y, mode="JAX")((2 * x).astype(dtype)))
        found[f"{dtype} {axis}"] = value.astype(y.type.dtype).tolist()
        if dtype != "float32":
            assert value.dtype == y.type.dtype
print(json.dumps(found))
"""
TORCH = """
import json, sys
import numpy as np
import pytensor
import pytensor.tensor as pt
if sys.argv[1] == "with":
    import unitarygraph
    import unitarygraph.link.pytorch
x = np.random.default_rng(0).standard_normal((7, 5))
v = pt.matrix("v", dtype="float64")
graphs = {
    "sum": pt.sum(v, axis=0), "product": v @ v.T, "less": pt.lt(v, 0), "exp": pt.exp(v),
    "mean": pt.mean(v), "max": pt.max(v, axis=1), "square": pt.sqr(v), "neq": pt.neq(v, 0),
}
found = {
    name: np.asarray(pytensor.function([v], y, mode="PYTORCH")(x)).tolist()
    for name, y in graphs.items()
}
print(json.dumps(found))
"""


@pytest.mark.parametrize(
    ("package", "program"),
    [("jax", JAX), pytest.param("torch", TORCH, marks=pytest.mark.slow)],
)
def test_graphs_of_pytensor_alone_keep_their_values(package, program):
    pytest.importorskip(package)
    values = []
    for side in ("with", "without"):
        command = [sys.executable, "-c", program, side]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        values.append(json.loads(done.stdout.splitlines()[-1]))
    assert values[0] == values[1]


def test_a_sum_that_ends_in_its_dtype_is_pytensors_own():
    pytest.importorskip("jax")
    import pytensor.tensor as pt
    from pytensor.link.jax.dispatch.basic import jax_funcify

    import unitarygraph.link.jax  # noqa: F401

    for dtype, own in (("float64", True), ("float32", False)):
        node = pt.sum(pt.vector(dtype=dtype)).owner
        made = jax_funcify(node.op, node=node)
        assert made.__module__.startswith("pytensor.") == own


def test_the_cache_knows_every_source_of_a_kernel(tmp_path):
    """Also those in rooms below the folders: numba would else run an old kernel from the disk."""
    pytest.importorskip("numba")
    from unitarygraph.kernels.version import source_digest
    from unitarygraph.link.numba.cache import CACHE_VERSION, FOLDERS

    root = tmp_path / "unitarygraph"
    shutil.copytree(Path(unitarygraph.__file__).parent, root)
    assert source_digest(*FOLDERS, root=root) == CACHE_VERSION
    for name in ("core/blas.py", "ops/qr.py", "ops/expm/taylor.py", "link/numba/matrix_op.py"):
        before = source_digest(*FOLDERS, root=root)
        with (root / name).open("a") as file:
            file.write("# changed\n")
        assert source_digest(*FOLDERS, root=root) != before, name
