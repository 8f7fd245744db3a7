"""Layers, cells and parametrizations of complex variables: what they are of stacked tensors, marked."""

from functools import partial

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from oracles import AS_WRITTEN
from pytensor.compile.mode import Mode

import unitarygraph as ug
from unitarygraph import models, nn
from unitarygraph.parametrizations import (
    SVD,
    Cayley,
    Diagonal,
    Dissolved,
    DynamicTrivialization,
    Exp,
    FourierReflection,
    Givens,
    Householder,
    Kronecker,
    NonNormal,
    Point,
    ScaledCayley,
    semi_unitary,
)
from unitarygraph.stacked.view import View

# pip's PyTensor has no BLAS for its C code, which scan uses in FAST_COMPILE mode, and says so
pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")
DTYPE = "float64"
OPTIONS = {"dtype": DTYPE, "rng": 1}
COMPLEX = OPTIONS | {"field": "complex"}


def gaussian(*shape):
    rng = np.random.default_rng(7)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def is_complex(x):
    return isinstance(x, ug.stacked.variables.ComplexVariable)


def values(*graphs):
    return ug.function([], list(graphs), mode=AS_WRITTEN)()


def cell(kind, **options):
    return kind(Exp(3, **COMPLEX), 4, complex_input=True, rng=2, **options)


LAYERS = {
    "dense": (lambda: nn.Dense(4, 3, **COMPLEX), (2, 5, 4)),
    "dense exp": (lambda: nn.Dense(4, 3, parametrization=Exp, **COMPLEX), (5, 4)),
    "convolution": (lambda: nn.Conv2D(2, 3, 3, stride=2, **COMPLEX), (2, 2, 5, 6)),
    "layer norm": (lambda: nn.LayerNorm(4, "complex", dtype=DTYPE), (2, 5, 4)),
    "batch norm": (lambda: lambda x: nn.ComplexBatchNorm(4, dtype=DTYPE)(x)[0], (5, 4)),
    "recurrent": (lambda: cell(nn.RecurrentCell), (6, 5, 4)),
    "recurrent tanh": (lambda: cell(nn.RecurrentCell, activation="tanh"), (6, 5, 4)),
    "recurrent start": (
        lambda: cell(nn.RecurrentCell, learned_start=True, structured=True), (6, 5, 4),
    ),
    "cgrnn": (lambda: cell(nn.CGRNNCell), (6, 5, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_of_a_complex_variable_is_that_of_its_storage(name):
    make, shape = LAYERS[name]
    layer, z = make(), gaussian(*shape)
    stacked = pt.constant(ug.stacked.from_complex(z))
    results = layer(ug.as_complex(z)), layer(stacked)
    assert [is_complex(r) for r in results] == [True, False]
    marked, plain = values(*results)
    assert np.array_equal(marked, ug.stacked.to_complex(plain))
    assert np.array_equal(marked, values(layer(z))[0])


def test_dense_is_numpys_complex_product():
    layer, z = nn.Dense(4, 3, **COMPLEX), gaussian(2, 5, 4)
    layer.bias.set_value(ug.stacked.from_complex(gaussian(3)))
    assert is_complex(layer.weight)
    assert is_complex(layer.bias)
    W, b = layer.weight.value, layer.bias.value
    np.testing.assert_allclose(values(layer(z))[0], z @ W + b, atol=1e-14)
    loss = abs(layer(z)).sum()
    gradient = ug.grad(loss, layer.weight)
    y = z @ W + b
    expected = np.einsum("sbi,sbj->ij", z.conj(), y / abs(y))
    np.testing.assert_allclose(values(gradient)[0], expected, atol=1e-13)


PARAMETRIZATIONS = {
    "svd": SVD, "cayley": Cayley, "dissolved": Dissolved, "dtriv": partial(DynamicTrivialization, K=1),
    "exp": Exp, "fourier": FourierReflection, "givens": Givens, "diagonal": Diagonal,
    "householder": Householder, "kronecker": partial(Kronecker, factors=(2, 2)),
    "kronecker exp": partial(Kronecker, constraint="exp"), "nonnormal": NonNormal, "point": Point,
    "scaled cayley": ScaledCayley,
}  # fmt: skip


@pytest.mark.parametrize("name", PARAMETRIZATIONS)
def test_a_parametrization_gives_a_complex_variable_and_takes_complex_rows(name):
    p, h = PARAMETRIZATIONS[name](4, **COMPLEX), gaussian(3, 4)
    assert is_complex(p())
    assert not is_complex(p.stored())
    stacked = pt.constant(ug.stacked.from_complex(h))
    W, marked, plain = values(p(), p.apply(ug.as_complex(h)), p.apply(stacked))
    np.testing.assert_allclose(W, p.value(), atol=1e-14)
    np.testing.assert_allclose(marked, h @ W, atol=1e-13)
    assert np.array_equal(ug.stacked.to_complex(plain), marked)
    gradients = ug.grad(abs(p()).sum(), p.params)
    assert [is_complex(g) for g in gradients] == [v.manifold.field == "complex" for v in p.params]


def test_what_moves_a_base_updates_complex_parameters():
    p = DynamicTrivialization(3, K=1, M=1, **COMPLEX)
    p.params[0].set_value(p.params[0].get_value() + np.triu(np.ones((3, 3)), 1))
    before = p.value()
    pytensor.function([], [], updates=p.post_updates([]), mode=AS_WRITTEN)()
    np.testing.assert_allclose(p.value(), before, atol=1e-14)
    assert not p.params[0].value.any()


def test_leading_columns_are_complex():
    weight = semi_unitary(Exp, (4, 2), **COMPLEX)
    assert is_complex(weight())
    assert weight().complex_shape == (4, 2)


def test_real_ones_stay_plain_and_refuse_complex_rows():
    p = Exp(3, field="real", **OPTIONS)
    assert not is_complex(p())
    with pytest.raises(ValueError, match="Exp: h must be real with field='real'"):
        p.apply(gaussian(2, 3))


def test_recurrent_functions():
    x, V, W, h0 = gaussian(6, 5, 4), gaussian(4, 3), Exp(3, **COMPLEX).value(), gaussian(3)
    stored = [pt.constant(ug.stacked.from_complex(a)) for a in (x, V, W, h0)]
    plain = nn.recurrent(*stored)
    for given in ((x, V, W, h0), (ug.as_complex(x), *stored[1:]), (*stored[:2], W, stored[3])):
        states = nn.recurrent(*given)
        assert is_complex(states)
        assert np.array_equal(values(states)[0], ug.stacked.to_complex(values(plain)[0]))
    drive = nn.drive_of(x, V)
    np.testing.assert_allclose(values(drive)[0], x @ V, atol=1e-13)
    U, c = np.random.default_rng(0).standard_normal((6, 2)), np.ones(2)
    outputs = [nn.readout(s, pt.constant(U), c) for s in (ug.as_complex(plain), plain)]
    assert not is_complex(outputs[0])
    assert np.array_equal(*values(*outputs))


def test_dropout_knows_complex_variables():
    z = ug.as_complex(gaussian(5, 4))
    rng = pytensor.shared(np.random.default_rng(0), name="masks")
    y, updates = nn.dropout(z, 0.5, rng)
    assert is_complex(y)
    assert list(updates) == [rng]
    found = values(y)[0]
    assert set((abs(found) > 0).ravel()) == {True, False}
    alive = abs(found) > 0
    np.testing.assert_allclose(found[alive], 2 * gaussian(5, 4)[alive], atol=1e-15)
    assert nn.dropout(z, 0, rng)[0] is z
    with pytest.raises(ValueError, match="dropout: x is complex, got field='real'"):
        nn.dropout(z, 0.5, rng, field="real")


@pytest.mark.parametrize(("name", "options"), [("fcurnn", {}), ("urnn", {"structured": True})])
def test_what_marks_complex_variables_leaves_nothing_in_compiled_graphs(name, options):
    model = models.build(name, 2, 3, 2, **OPTIONS, **options)
    x = pt.tensor("x", dtype=DTYPE, shape=(4, 5, 2))
    loss = model(x).sum()
    f = pytensor.function(
        [x],
        pytensor.grad(loss, model.params),
        mode=Mode("py", "fast_run"),
        on_unused_input="ignore",
    )
    graphs = [f.maker.fgraph]
    for graph in graphs:
        inner = (getattr(node.op, "fgraph", None) for node in graph.apply_nodes)
        graphs += [g for g in inner if g is not None]
    assert len(graphs) > (name == "urnn")
    assert not [n for g in graphs for n in g.apply_nodes if isinstance(n.op, View)]
