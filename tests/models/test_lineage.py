"""Every model of the lineage against a NumPy reference of its paper's step (tests/lineage)."""

from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from backend_modes import the_mode
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN
from pytensor.compile.mode import get_mode

import unitarygraph as ug
from unitarygraph import models
from unitarygraph.training.options import resolve
from unitarygraph.updates import by_group

# PyTensor's sums ask JAX for float64 accumulators, and scatter what comes of it.
pytestmark = pytest.mark.filterwarnings("ignore:scatter inputs have incompatible types")
INPUT, HIDDEN, OUTPUT, STEPS, BATCH = 3, 8, 2, 50, 4
TRAINING_STEPS = 8
# Models that stand for all on JAX in the default run: complex and real, a structured product, gates, a
# penalty, a diagonal recurrence. On numba all are slow: tests/ops has each recurrence there.
ON_JAX = ("exprnn", "eurnn", "lstm", "nnrnn", "lru")
WEIGHTS = np.random.default_rng(5).standard_normal((STEPS, BATCH, OUTPUT))
NAMES = sorted(set(models.MODELS) - {"wrn"})
REFERENCES = {
    name: import_module(f"lineage.{name}")
    for name in NAMES
    if (Path(__file__).parent / "lineage" / f"{name}.py").exists()
}


def cases(*backends, only_first=False):
    """(name, options) of all cases, or (name, options, backend), of which most are slow.

    With ``only_first`` all but the first options of each model are slow.
    """

    def slow(name, options, backend=None):
        first = options is REFERENCES[name].CASES[0]
        if backend is None:
            return only_first and not first
        return not (first and backend == "JAX" and name in ON_JAX)

    return [
        pytest.param(
            name,
            options,
            *backend,
            id="-".join([name, *map(str, options.values()), *backend]),
            marks=[pytest.mark.slow] * slow(name, options, *backend),
        )
        for name, reference in REFERENCES.items()
        for options in reference.CASES
        for backend in ([(b,) for b in backends] or [()])
    ]


def build(name, options, dtype="float64", rng=1):
    return models.build(name, INPUT, HIDDEN, OUTPUT, rng=rng, dtype=dtype, **options)


def stored(model):
    """Values of parameters and of what else the outputs depend on, by name."""
    return {p.name: np.array(p.get_value()) for p in (*model.params, *model.buffers)}


def roughen(model, rng):
    """Move flat parameters, since zeros would hide a forgotten one."""
    for p in model.params:
        if isinstance(p.manifold, ug.manifolds.Euclidean):
            value = p.get_value()
            p.set_value(value + (0.1 * rng.standard_normal(value.shape)).astype(value.dtype))


def graph(model):
    """Inputs, and outputs, loss and its gradients."""
    x = pt.tensor("x", dtype=model.dtype, shape=(STEPS, BATCH, INPUT))
    mask = pt.tensor("mask", dtype=model.dtype, shape=(STEPS, BATCH))
    outputs = model(x, mask)
    loss = (outputs * WEIGHTS.astype(model.dtype)).sum()
    return [x, mask], [outputs, loss, *pytensor.grad(loss, model.params)]


def data(rng, dtype="float64"):
    """Inputs, and a mask under which each sequence has another length."""
    x = rng.standard_normal((STEPS, BATCH, INPUT))
    lengths = [STEPS, STEPS - 1, STEPS // 2, 3]
    mask = np.arange(STEPS)[:, None] < lengths
    return x.astype(dtype), mask.astype(dtype)


def test_every_model_has_a_reference():
    assert set(REFERENCES) == set(NAMES)


@pytest.mark.parametrize(("name", "options"), cases())
def test_outputs_are_the_formula_and_gradients_its_slopes(name, options, rng):
    """Fifty steps in float64 against NumPy's complex arithmetic and its finite differences."""
    model = build(name, options)
    roughen(model, rng)
    inputs, results = graph(model)
    f = pytensor.function(inputs, results, mode=AS_WRITTEN)
    x, mask = data(rng)
    outputs, loss, *gradients = f(x, mask)
    known = stored(model)

    def formula(**changed):
        return REFERENCES[name].outputs(model, known | changed, x, mask)

    expected = formula()
    assert_allclose(outputs, expected, atol=1e-10 * np.abs(expected).max())
    for p, gradient in zip(model.params, gradients, strict=True):
        direction = rng.standard_normal(gradient.shape)
        h, value = 1e-6, known[p.name]
        above, below = (formula(**{p.name: value + s * h * direction}) for s in (1, -1))
        rise = (WEIGHTS * (above - below)).sum() / (2 * h)
        scale = np.linalg.norm(gradient) * np.linalg.norm(direction) + 1e-3 * abs(loss)
        assert abs(rise - (gradient * direction).sum()) < 1e-5 * scale, p.name


@cache
def in_double(name, options):
    """Outputs, loss and gradients by Python in float64 of the values that float32 has."""
    model, single = build(name, dict(options)), build(name, dict(options), "float32")
    for p, q in zip(
        [*model.params, *model.buffers], [*single.params, *single.buffers], strict=True
    ):
        p.set_value(q.get_value().astype(p.type.dtype))
    inputs, results = graph(model)
    f = pytensor.function(inputs, results, mode=AS_WRITTEN)
    return f(*data(np.random.default_rng(2)))


@pytest.mark.parametrize(("name", "options", "backend"), cases("NUMBA", "JAX"))
def test_backends_agree_in_single_precision(name, options, backend):
    """Outputs and gradients are those of Python in float64, to the rounding of float32."""
    model = build(name, options, "float32")
    inputs, results = graph(model)
    assert {r.type.dtype for r in results} == {"float32"}
    values = data(np.random.default_rng(2), "float32")
    if backend == "NUMBA":
        # Without fusion the models share what is compiled.
        found = pytensor.function(inputs, results, mode=get_mode("NUMBA").excluding("fusion"))(
            *values
        )
    else:
        with the_mode(backend) as mode:
            found = pytensor.function(inputs, results, mode=mode)(*values)
    # Python in float32 ends at most 273 eps of the maximum away (lru), 239 (exprnn), others 89.
    bound = 1000 * np.finfo("float32").eps
    for value, reference in zip(found, in_double(name, tuple(options.items())), strict=True):
        assert_allclose(value, reference, rtol=0, atol=bound * np.abs(reference).max() + 1e-6)


@pytest.mark.parametrize(("name", "options"), cases(only_first=True))
def test_training_by_its_own_rules_keeps_what_is_unitary(name, options, rng):
    """The model's own optimizer and rates on one batch, float32: the loss falls, all moves."""
    model = build(name, options, "float32")
    chosen = {f"model.{key}": value for key, value in options.items()}
    settings = resolve(task="adding", model=name, assignments=chosen)
    x = pt.tensor("x", dtype="float32", shape=(TRAINING_STEPS, BATCH, INPUT))
    outputs, statistics = model.training(x)
    loss = pt.sqr(outputs - 1).mean()
    penalty = model.penalty()
    loss_of_all = loss if penalty is None else loss + penalty
    updates = by_group(loss_of_all, model, settings.rules, clip=settings.training.clip)
    step = pytensor.function([x], loss, updates=updates | statistics, mode=AS_WRITTEN)
    after = model.post_updates()
    post = pytensor.function([], [], updates=after, mode=AS_WRITTEN) if after else None
    values = data(rng, "float32")[0][:TRAINING_STEPS]
    before = stored(model)
    losses = []
    for _ in range(15):
        losses.append(float(step(values)))
        if post is not None:
            post()
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    for p in model.params:
        assert p.get_value().dtype == p.type.dtype == "float32"
        assert np.abs(p.get_value() - before[p.name]).max() > 0, f"{p.name} did not move"
    if model.unitary:
        for matrix in model.recurrent_matrices():
            assert ug.unitarity(matrix) < 300 * np.finfo("float32").eps * HIDDEN


@pytest.mark.parametrize(("name", "options"), cases())
def test_parameter_count_is_the_published_one(name, options):
    model = build(name, options)
    count = REFERENCES[name].parameters(INPUT, HIDDEN, OUTPUT, **model.options)
    assert model.free_parameters() == count


@pytest.mark.parametrize("name", NAMES)
def test_seed_decides_the_initial_values(name):
    first, same, other = (
        stored(build(name, {}, rng=seed)) for seed in (1, np.random.default_rng(1), 2)
    )
    assert all(np.array_equal(first[key], same[key]) for key in first)
    assert any(not np.array_equal(first[key], other[key]) for key in first)
