"""The wide residual network: its parts, its training on digits, resuming, and its refusals."""

import json

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from oracles import AS_WRITTEN
from rich.console import Console

from unitarygraph import models
from unitarygraph.manifolds import Oblique
from unitarygraph.models.wrn import images
from unitarygraph.tasks import digits
from unitarygraph.training.begin import prepare
from unitarygraph.training.display import Progress
from unitarygraph.training.loop import take_steps
from unitarygraph.training.options import resolve
from unitarygraph.training.program import Program
from unitarygraph.training.run import evaluate, execute
from unitarygraph.training.store import RunDirectory
from unitarygraph.updates import by_group

# pip's PyTensor has no BLAS for its C code, which gradients use in FAST_COMPILE mode, and says so
pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")


@pytest.fixture(scope="module")
def few_scans():
    """The digits task with 24 scans to train on and 8 for test: Python's mode is slow."""
    training, test = digits.scans()
    few = tuple(a[:24] for a in training), tuple(a[:8] for a in test)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digits, "scans", lambda: few)
        yield


def small(**more):
    assignments = {"width": 1, "batch": 8, "steps": 2, "log_every": 1, "eval_every": 0} | more
    return resolve("digits", "wrn", backend="python", assignments=assignments)


def quiet():
    return Console(quiet=True)


def trained(path, settings, program=None):
    with pytensor.config.change_flags(floatX=settings.dtype):
        run = RunDirectory(path)
        if run.exists():
            run.write_settings(settings)
        else:
            run.begin(settings)
        program = program or Program(settings)
        take_steps(program, run, Progress(quiet(), 1, None))
    return run, program


@pytest.fixture(scope="module")
def whole(few_scans, tmp_path_factory):
    """A run of two steps and its program."""
    return trained(tmp_path_factory.mktemp("runs") / "whole", small())


def test_layers_of_the_published_networks():
    for depth, width, count in [(10, 1, 0.08e6), (16, 4, 2.7e6), (28, 2, 1.5e6)]:
        model = models.build("wrn", 3, 64, 10, depth=depth, width=width, rng=0)
        sizes = [p.get_value(borrow=True).size for p in model.params]
        assert sum(sizes) == pytest.approx(count, rel=0.07)  # Zagoruyko and Komodakis, table 4
        convolutions = [p for p in model.params if "conv" in p.name]
        assert len(convolutions) == depth - 4
        assert model.hidden_size == 64 * width


def test_filters_of_unit_length_are_those_with_fewer_filters_than_inputs():
    model = models.build("wrn", 1, 128, 10, rng=0)
    assert model.options["width"] == 2
    for p in model.params:
        shape = p.type.shape
        is_filter = p.name.endswith("/weight") and p.name != "dense/weight"
        assert isinstance(p.manifold, Oblique) == (is_filter and shape[0] < shape[1]), p.name
    names = {p.name for p in model.group("orthogonal")}
    assert "group0/block0/conv1/weight" in names
    assert not {"stem/weight", "group0/block0/shortcut/weight"} & names
    assert models.build("wrn", 1, 128, 10, oblique=False, rng=0).group("orthogonal") == []


def test_images_keep_rows_and_channels(rng):
    x = rng.standard_normal((3, 2, 4, 4))
    sequence = pt.constant(x.reshape(3, 2, 16).transpose(2, 0, 1))
    np.testing.assert_array_equal(images(sequence).eval(mode=AS_WRITTEN), x)


def test_training_and_evaluation_differ_until_the_statistics_are_the_batchs(rng):
    model = models.build("wrn", 1, 64, 10, dtype="float64", rng=0)
    x = pt.tensor("x", dtype="float64", shape=(16, 6, 1))
    outputs, updates = model.training(x)
    assert set(updates) == set(model.buffers)
    step = pytensor.function([x], outputs, updates=updates, mode=AS_WRITTEN)
    infer = pytensor.function([x], model(x), mode=AS_WRITTEN)
    batch = rng.standard_normal((16, 6, 1))
    first = infer(batch)
    assert first.shape == (16, 6, 10)
    assert np.ptp(first, axis=0).max() == 0  # the same answer at every step
    by_batch = step(batch)
    assert np.abs(first - by_batch).max() > 0.1
    for _ in range(200):
        step(batch)
    # what remains is the running variance's N / (N - 1), N = 6 at the last layers
    assert np.abs(infer(batch) - by_batch).max() < 0.5 * np.abs(first - by_batch).max()


def test_weight_decay_is_for_free_weights_alone():
    model = models.build("wrn", 1, 64, 10, weight_decay=0.5, dtype="float64", rng=0)
    values = {p.name: p.get_value() for p in model.params}
    free = ["stem/weight", "group1/block0/shortcut/weight", "group2/block0/shortcut/weight"]
    expected = 0.25 * sum((values[name] ** 2).sum() for name in [*free, "dense/weight"])
    assert model.penalty().eval(mode=AS_WRITTEN) == pytest.approx(expected, rel=1e-12)


def test_evaluation_uses_the_checkpoints_statistics(whole):
    run, program = whole
    rows = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    assert [row["unitarity"] for row in rows] == [None, None]
    fresh = prepare(run.settings())
    _, scalars = evaluate(run, fresh, quiet())
    assert scalars["loss"] == rows[-1]["eval_loss"]
    means = {v.name: v.get_value() for v in fresh.model.buffers}
    assert all(np.abs(value).max() > 0 for value in means.values())
    for name, value in means.items():
        assert np.array_equal(value, program.shared[name].get_value())
    for p in fresh.model.group("orthogonal"):
        p.manifold.require_point(p.get_value())


def test_resumed_run_is_the_undisturbed_one_bit_for_bit(tmp_path, whole):
    undisturbed, program = whole
    first = program.values()
    trained(tmp_path / "halves", small(steps=1))
    # a program that has made other steps: what it remembers of them must not matter
    halves, _ = trained(tmp_path / "halves", small(), program)
    second = program.values()
    assert {"stem/weight", "norm/mean", "norm/variance"} <= set(first) == set(second)
    for name, value in first.items():
        assert np.array_equal(value, second[name]), name
    losses = [
        [json.loads(line)["loss"] for line in run.metrics.read_text().splitlines()]
        for run in (undisturbed, halves)
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 12}, "depth must be 6 n \\+ 4, n at least 1, got 12"),
        ({"depth": 4}, "depth must be"),
        ({"hidden_size": 100}, "hidden_size must be a multiple of 64, got 100"),
        ({"width": 0}, "width must be at least 1, got 0"),
        ({"weight_decay": -1.0}, "weight_decay must be at least 0, got -1.0"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        models.build("wrn", **({"input_size": 1, "hidden_size": 64, "output_size": 2} | options))


def test_wrong_inputs_are_refused():
    model = models.build("wrn", 1, 64, 2, rng=0)
    x = pt.tensor("x", shape=(60, 2, 1))
    with pytest.raises(ValueError, match=r"static T that is a square, got \(60, 2, 1\)"):
        model(x)
    with pytest.raises(ValueError, match="no mask"):
        model(pt.tensor("x", shape=(64, 2, 1)), mask=pt.matrix("mask"))


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "rate"), [("sgd_g", 0.2), ("adam_g", 0.05)])
def test_digits_are_learned_in_a_hundred_steps(tmp_path, rule, rate):
    assignments = {"optimizer": rule, "orthogonal_learning_rate": rate, "steps": 100, "width": 1}
    settings = resolve("digits", "wrn", assignments=assignments)
    run = RunDirectory(tmp_path / "run")
    run.begin(settings)
    rows = execute(run, prepare(settings), quiet())
    assert rows[-1]["eval_accuracy"] > 0.95


@pytest.mark.slow
def test_wrn_28_10_takes_a_step(rng):
    model = models.build("wrn", 3, 640, 10, depth=28, width=10, dtype="float32")
    x = pt.tensor("x", dtype="float32", shape=(32 * 32, 2, 3))
    outputs, statistics = model.training(x)
    loss = pt.sqr(outputs[-1]).mean()
    updates = by_group(loss, model, resolve("digits", "wrn").rules)
    step = pytensor.function([x], loss, updates=updates | statistics)
    before = model.params[3].get_value()
    batch = rng.standard_normal((32 * 32, 2, 3)).astype("float32")
    assert np.isfinite([step(batch), step(batch)]).all()
    assert np.abs(model.params[3].get_value() - before).max() > 0
