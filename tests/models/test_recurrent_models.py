"""Layers, both directions and dropout of recurrent models, and their runs."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.linalg
from lineage.formulas import complex_of, modrelu, read_out, skew_of, through_time
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN
from pytensor.graph.traversal import ancestors
from rich.console import Console

from unitarygraph import models
from unitarygraph.training.begin import prepare
from unitarygraph.training.options import resolve
from unitarygraph.training.run import evaluate, execute
from unitarygraph.training.store import RunDirectory

T, B, INPUT, HIDDEN, OUTPUT = 9, 3, 2, 4, 3

pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")


def built(**options):
    return models.build("exprnn", INPUT, HIDDEN, OUTPUT, rng=2, dtype="float64", **options)


def inputs():
    x = pt.tensor("x", dtype="float64", shape=(T, B, INPUT))
    return x, pt.tensor("mask", dtype="float64", shape=(T, B))


@pytest.mark.parametrize(
    "options", [{"field": "real"}, {"field": "complex"}, {"activation": "tanh"}]
)
def test_memory_changes_no_gradient(options, rng):
    x, mask = inputs()
    weight = rng.standard_normal((T, B, OUTPUT))
    given = rng.standard_normal((T, B, INPUT)), (np.arange(T)[:, None] < [T, 5, 2]).astype(float)
    found = []
    for memory in ("all", "sqrt", 4, *(() if "activation" in options else ("invert",))):
        model = built(memory=memory, **options)
        y = model(x, mask)
        f = pytensor.function(
            [x, mask], [y, *pt.grad(pt.sum(weight * y), model.params)], mode=AS_WRITTEN
        )
        ops = {type(node.op).__name__ for node in f.maker.fgraph.apply_nodes}
        assert ("CheckpointedRecurrenceGrad" in ops) == (memory != "all")
        found.append(f(*given))
    for other in found[1:]:
        for got, want in zip(other, found[0], strict=True):
            assert_allclose(got, want, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("exprnn", {"layers": 2}, "one layer in one direction without dropout, got layers=2"),
        ("exprnn", {"bidirectional": True}, "bidirectional=True"),
        ("exprnn", {"dropout": 0.5}, "dropout=0.5"),
        ("exprnn", {"memory": "some"}, "memory must be 'all', 'sqrt'"),
        ("exprnn", {"activation": "cardioid", "field": "complex"}, "an activation among modrelu"),
        ("exprnn", {"activation": "tanh", "memory": "invert"}, "'tanh' cannot be undone"),
        ("eurnn", {"structured": True}, "no structured=True"),
        ("lstm", {}, "LSTM: its cell keeps all states"),
    ],
)
def test_memory_is_refused_where_all_states_are_kept(name, options, message):
    with pytest.raises(ValueError, match=message):
        models.build(name, INPUT, HIDDEN, OUTPUT, rng=0, **({"memory": "sqrt"} | options))


@pytest.mark.parametrize("options", [{"structured": True}, {"hidden_size": 16}], ids=str)
def test_no_scan_in_a_training_graph_of_rotations(options):
    sizes = (INPUT, options.get("hidden_size", HIDDEN), OUTPUT)
    model = models.build("eurnn", *sizes, rng=0, structured=options.get("structured"))
    x = pt.tensor("x", dtype=pytensor.config.floatX, shape=(T, B, INPUT))
    loss = pt.sum(pt.sqr(model(x, pt.ones((T, B)))))
    found = [type(v.owner.op).__name__ for v in ancestors(pt.grad(loss, model.params)) if v.owner]
    assert {"RotationRecurrence", "RotationRecurrenceGrad"} <= set(found)
    assert "Scan" not in found


def test_memory_from_the_command_line():
    for text, value in {"sqrt": "sqrt", "16": 16}.items():
        settings = resolve("copying", "exprnn", 6, assignments={"model.memory": text})
        assert settings.model_options["memory"] == value


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("field", ["real", "complex"])
def test_layers_and_directions_compose(field, bidirectional, rng):
    model = built(layers=2, bidirectional=bidirectional, field=field, init="haar")
    x, mask = inputs()
    data = rng.standard_normal((T, B, INPUT))
    keep = (np.arange(T)[:, None] < [T, 5, 2]).astype(float)
    f = pytensor.function([x, mask], model(x, mask), mode=AS_WRITTEN)
    p = {v.name: v.get_value() for v in model.params}
    states = data
    for layer in ("layer0", "layer1"):
        runs = []
        for direction in ("forward", "backward") if bidirectional else ("",):
            prefix = f"{layer}/{direction}/" if direction else f"{layer}/"
            A, V = (
                complex_of(p[prefix + k]) if field == "complex" else p[prefix + k] for k in "AV"
            )
            W, b = scipy.linalg.expm(skew_of(A)), p[prefix + "b"]
            order = slice(None, None, -1) if direction == "backward" else slice(None)

            def step(x_t, h, W=W, V=V, b=b):
                return modrelu(h @ W + x_t @ V, b)

            start = np.zeros(HIDDEN, W.dtype)
            runs.append(through_time(step, states[order], keep[order], start)[order])
        states = np.concatenate(runs, axis=-1)
    assert_allclose(f(data, keep), read_out(p, states), atol=1e-12)
    assert len(model.recurrent_matrices()) == 2 * (1 + bidirectional)
    assert [v.name for v in model.group("orthogonal")] == [k for k in p if k.endswith("A")]


def test_bidirectional_outputs_know_the_future(rng):
    x, _ = inputs()
    data = rng.standard_normal((T, B, INPUT))
    later = data.copy()
    later[-1] += 1
    for bidirectional in (False, True):
        model = built(bidirectional=bidirectional)
        f = pytensor.function([x], model(x), mode=AS_WRITTEN)
        assert np.allclose(f(data)[0], f(later)[0]) != bidirectional


def test_dropout_trains_only(rng):
    model = built(layers=2, dropout=0.5)
    x, _ = inputs()
    outputs, updates = model.training(x)
    data = rng.standard_normal((T, B, INPUT))
    f = pytensor.function([x], outputs, updates=list(updates.items()), mode=AS_WRITTEN)
    plain = pytensor.function([x], model(x), mode=AS_WRITTEN)
    assert {v.name for v in updates} == {"dropout1", "dropout2"}
    assert not np.allclose(f(data), f(data))
    assert_allclose(plain(data), plain(data))
    assert built().training(x)[1] == {}
    # the same units in all steps: a dropped one's row of U has no part in any output
    for v in updates:
        v.set_value(np.random.default_rng(0))
    first = f(data)
    again = built(layers=2, dropout=0.5)
    repeated, more = again.training(x)
    g = pytensor.function([x], repeated, updates=list(more.items()), mode=AS_WRITTEN)
    for v in more:
        v.set_value(np.random.default_rng(0))
    assert_allclose(g(data), first)


def paired(x):
    a, b = x[..., ::2], x[..., 1::2]
    return np.stack([np.maximum(a, b), np.minimum(a, b)], axis=-1).reshape(x.shape)


F = {
    "cardioid": lambda z: z * (1 + np.cos(np.angle(z))) / 2,
    "hirose": lambda z: np.tanh(np.abs(z)) * np.exp(1j * np.angle(z)),
    "zrelu": lambda z: z * ((z.real > 0) & (z.imag > 0)),
    "crelu": lambda z: np.maximum(z.real, 0) + 1j * np.maximum(z.imag, 0),
    "oplu": lambda z: paired(z.real) + 1j * paired(z.imag),
}


@pytest.mark.parametrize("name", F)
def test_activations_without_a_kernel_run_step_by_step(name, rng):
    model = built(field="complex", activation=name)
    x, mask = inputs()
    data = rng.standard_normal((T, B, INPUT))
    keep = (np.arange(T)[:, None] < [T, 5, 2]).astype(float)
    found = pytensor.function([x, mask], model(x, mask), mode=AS_WRITTEN)(data, keep)
    p = {v.name: v.get_value() for v in model.params}
    W, V, b = scipy.linalg.expm(skew_of(complex_of(p["A"]))), complex_of(p["V"]), complex_of(p["b"])
    start = np.zeros(HIDDEN, complex)
    states = through_time(lambda x_t, h: F[name](h @ W + x_t @ V + b), data, keep, start)
    assert_allclose(found, read_out(p, states), atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": 0}, "layers must be at least 1, got 0"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"activation": "spline"}, "activation.*modrelu.*'spline'"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        built(**options)


def test_a_subclass_that_says_nothing_is_told_what_it_lacks():
    class Empty(models.RecurrentModel):
        pass

    with pytest.raises(NotImplementedError, match="Empty: needs matrix, make_matrix or make_cell"):
        Empty(2, 3, 4, rng=0)


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("dtriv", {"K": 2, "M": 2, "dropout": 0.3}),
        pytest.param("scurnn", {"layers": 2}, marks=pytest.mark.slow),
    ],
)
def test_runs_resume_bit_for_bit_with_all_they_hold(model, options, tmp_path):
    """Base points, counters, generators and three groups of optimizer state are in checkpoints."""
    small = {"delay": 3, "length": 2, "batch": 4, "checkpoint_every": 5, "log_every": 1}

    def run(path, steps):
        chosen = small | {"steps": steps} | options
        settings = resolve("copying", model, 6, backend="python", assignments=chosen)
        directory = RunDirectory(path)
        if directory.exists():
            directory.write_settings(settings)
        else:
            directory.begin(settings)
        program = prepare(settings)
        return program, execute(directory, program, Console(quiet=True))

    whole, rows = run(tmp_path / "whole", 9)
    run(tmp_path / "parts", 4)
    parts, _ = run(tmp_path / "parts", 9)
    theirs = parts.values()
    for name, value in whole.values().items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(theirs[name], value, err_msg=name)
        else:
            assert theirs[name].bit_generator.state == value.bit_generator.state
    directory = RunDirectory(tmp_path / "whole")
    _, scalars = evaluate(directory, prepare(directory.settings()), Console(quiet=True))
    assert scalars["loss"] == pytest.approx(rows[-1]["eval_loss"], rel=1e-5)
