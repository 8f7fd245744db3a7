"""Tasks against their definitions, rebuilt here sequence by sequence."""

import json
import math
import sys

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.special import log_softmax

from unitarygraph import tasks
from unitarygraph.tasks import digits as digits_module
from unitarygraph.tasks.likelihood import hits
from unitarygraph.tasks.streams import EVALUATION_SEQUENCES, EpochStream

CASES = {
    "copying": {"delay": 7},
    "copying-arjovsky": {"delay": 7, "protocol": "arjovsky", "symbols": 5, "length": 3},
    "copying-variable": {"delay": 7, "variable": True},
    "adding": {"length": 11},
    "digits": {},
    "digits-permuted": {"permuted": True},
    "parity": {"length": 6},
    "modular": {"length": 6, "every_step": False},
    "group": {"length": 6, "group": "S4"},
}


@pytest.fixture(params=CASES)
def task(request):
    return tasks.build(request.param.partition("-")[0], **CASES[request.param])


def value(expression, givens):
    f = pytensor.function([*givens], expression, mode="FAST_COMPILE", on_unused_input="ignore")
    return float(f(*givens.values()))


def loss_and_metrics(task, outputs, *targets):
    symbols = task.inputs(str(outputs.dtype))[1:]
    scores = pytensor.tensor.tensor(
        "outputs", dtype=outputs.dtype, shape=(None, None, task.output_size)
    )
    givens = {scores: outputs, **dict(zip(symbols, targets, strict=True))}
    loss = value(task.loss(scores, *symbols), givens)
    return loss, {k: value(v, givens) for k, v in task.metrics(scores, *symbols).items()}


def test_batches_fit_the_symbolic_inputs(task):
    for dtype in ("float32", "float64"):
        batch = next(task.batches(3, 5, dtype))
        for symbol, array in zip(task.inputs(dtype, 5), batch, strict=True):
            assert symbol.dtype == array.dtype
            assert symbol.type.shape == array.shape
            assert array.flags.c_contiguous
        assert batch[0].shape[2] == task.input_size
        assert task.masked == (symbol.name == "mask")


def test_same_seed_same_batches_and_other_seed_others(task):
    first, same, other = (next(task.batches(seed, 4, "float32")) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not np.array_equal(first[1], other[1])


def test_stream_continues_from_its_state(task):
    stream = task.batches(5, 400, "float32")
    for _ in range(5):
        next(stream)
    state = json.loads(json.dumps(stream.state()))
    expected = [next(stream) for _ in range(6)]
    again = task.batches(99, 400, "float32")
    again.restore(state)
    for batch in expected:
        assert all(np.array_equal(a, b) for a, b in zip(batch, next(again), strict=True))


def test_evaluation_set_is_fixed_whole_and_independent_of_the_batch(task):
    def whole(batch):
        parts = list(task.evaluation_batches(batch, "float64"))
        assert all(part[0].shape[1] == batch for part in parts[:-1])
        x, y = (list(column) for column in list(zip(*parts, strict=True))[:2])
        return np.concatenate(x, axis=1), np.concatenate(y, axis=-1)

    x, y = whole(100)
    assert x.shape[1] == y.shape[-1] == (360 if task.name == "digits" else EVALUATION_SEQUENCES)
    for batch in (100, 128, 1000):
        again_x, again_y = whole(batch)
        assert np.array_equal(x, again_x)
        assert np.array_equal(y, again_y)


def copying_target(classes, task):
    """Read one input sequence of classes and write down what is to be answered."""
    marker = int(np.flatnonzero(classes == task.symbols + 1)[0])
    start = marker + {"exprnn": 0, "arjovsky": 1}[task.protocol]
    target = np.zeros_like(classes)
    target[start : start + task.length] = classes[: task.length]
    return target, start


@pytest.mark.parametrize("protocol", ["exprnn", "arjovsky"])
@pytest.mark.parametrize("variable", [False, True])
def test_copying_sequences(protocol, variable):
    shape = {"delay": 6, "symbols": 4, "length": 3}
    task = tasks.build("copying", **shape, protocol=protocol, variable=variable)
    x, y, *mask = next(task.batches(0, 300, "float32"))
    assert x.shape == (12, 300, 6)
    assert set(np.unique(x)) == {0.0, 1.0}
    assert (x.sum(axis=-1) == 1).all()
    classes = x.argmax(axis=-1)
    delays = set()
    for b in range(300):
        column = classes[:, b]
        assert ((column[:3] >= 1) & (column[:3] <= 4)).all()
        assert (column[3:] == 5).sum() == 1
        assert np.isin(column[3:], (0, 5)).all()
        target, start = copying_target(column, task)
        assert np.array_equal(y[:, b], target)
        delays.add(start - 3)
        if variable:
            assert np.array_equal(mask[0][:, b], np.arange(12) < start + 3)
    assert delays == (set(range(1, 7)) if variable else {6})
    assert set(np.unique(classes[:3])) == {1, 2, 3, 4}
    if not variable:  # the published indices
        marker = 3 + 6 - (protocol == "arjovsky")
        assert (classes[marker] == 5).all()
        assert np.array_equal(y[-3:], classes[:3])


def memoryless_scores(y, mask, classes):
    """Log-probabilities of blank where the target is blank, else of a uniform symbol."""
    with np.errstate(divide="ignore"):
        blank = np.log(np.eye(classes)[0])
        symbol = np.log(np.r_[0, np.full(classes - 1, 1 / (classes - 1))])
    return np.maximum(np.where((y == 0)[..., None], blank, symbol), -1e4)


@pytest.mark.parametrize("variable", [False, True])
def test_copying_baseline_is_the_loss_of_the_memoryless_guess(variable):
    task = tasks.build("copying", delay=5, variable=variable)
    _, y, *mask = next(task.batches(0, 200, "float64"))
    if variable:  # every delay equally often, so that the mean is exact
        lengths = mask[0].sum(axis=0)
        least = min((lengths == n).sum() for n in np.unique(lengths))
        chosen = np.concatenate([np.flatnonzero(lengths == n)[:least] for n in np.unique(lengths)])
        y, mask = y[:, chosen], [mask[0][:, chosen]]
    scores = memoryless_scores(y, mask, task.output_size)
    loss, metrics = loss_and_metrics(task, scores, y, *mask)

    valid = mask[0] if variable else np.ones_like(y)
    nll = -np.take_along_axis(log_softmax(scores, axis=-1), y[..., None], -1)[..., 0]
    assert loss == pytest.approx(((nll * valid).sum(0) / valid.sum(0)).mean(), rel=1e-12)
    assert task.baseline == pytest.approx(loss, rel=1e-12)
    assert metrics["accuracy"] == pytest.approx(1 / 8, abs=0.03)


def test_copying_baseline_formula():
    assert tasks.build("copying", delay=1000).baseline == pytest.approx(10 * math.log(8) / 1020)


def test_copying_accuracy_counts_recalled_symbols_only():
    task = tasks.build("copying", delay=4, length=2)
    _, y = next(task.batches(0, 3, "float64"))
    scores = np.eye(9)[y]
    assert loss_and_metrics(task, scores, y)[1]["accuracy"] == 1
    scores[-1, 0] = np.eye(9)[0]  # one of six symbols forgotten
    assert loss_and_metrics(task, scores, y)[1]["accuracy"] == pytest.approx(5 / 6)
    scores[:3] = np.eye(9)[1]  # blanks wrong: not counted
    assert loss_and_metrics(task, scores, y)[1]["accuracy"] == pytest.approx(5 / 6)


def test_copying_loss_ignores_padding():
    task = tasks.build("copying", delay=9, variable=True)
    _, y, mask = next(task.batches(0, 6, "float64"))
    scores = np.random.default_rng(0).standard_normal((*y.shape, 9))
    loss, _ = loss_and_metrics(task, scores, y, mask)
    scores[mask == 0] += 100 * np.random.default_rng(1).standard_normal((int((mask == 0).sum()), 9))
    assert loss_and_metrics(task, scores, y, mask)[0] == loss


def test_adding_sums_the_two_marked_numbers():
    task = tasks.build("adding", length=11)
    x, y = next(task.batches(0, 500, "float64"))
    assert ((x[..., 0] >= 0) & (x[..., 0] < 1)).all()
    assert np.array_equal(np.unique(x[..., 1]), [0, 1])
    assert (x[:5, :, 1].sum(0) == 1).all()
    assert (x[5:, :, 1].sum(0) == 1).all()
    assert (x[..., 1].any(axis=1)).all()  # every step is marked some time
    assert np.allclose(y, (x[..., 0] * x[..., 1]).sum(0), rtol=0, atol=1e-15)


def test_adding_baseline_is_the_loss_of_the_guess_one():
    task = tasks.build("adding", length=4)
    _, y = next(task.batches(0, 40000, "float64"))
    outputs = np.ones((4, len(y), 1))
    outputs[:3] = np.nan  # only the last step is judged
    loss, metrics = loss_and_metrics(task, outputs, y)
    assert loss == pytest.approx(((y - 1) ** 2).mean(), rel=1e-12)
    assert loss == pytest.approx(task.baseline, rel=0.03)
    assert metrics == {}


def test_digits_are_scikit_learns_split_once_and_for_all():
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    task = tasks.build("digits")
    test = list(task.evaluation_batches(128, "float64"))
    assert [part[0].shape[1] for part in test] == [128, 128, 104]
    seen = [np.concatenate([p[0][..., 0].T for p in test])]
    stream = task.batches(0, 1437, "float64")
    x, y = next(stream)
    seen.append(x[..., 0].T)
    answers = np.concatenate([*(p[1] for p in test), y])
    ours = sorted((*row, a) for row, a in zip(np.concatenate(seen) * 16, answers, strict=True))
    assert ours == sorted((*row, a) for row, a in zip(images, labels, strict=True))
    assert {len(np.unique(part)) for part in (y, answers[:360])} == {10}


def test_digits_permuted_reads_the_same_pixels_in_the_lineages_order():
    plain, permuted = (
        next(tasks.build("digits", permuted=chosen).batches(0, 9, "float64"))
        for chosen in (False, True)
    )
    order = np.random.RandomState(92916).permutation(64)
    assert np.array_equal(permuted[0], plain[0][order])
    assert np.array_equal(permuted[1], plain[1])


def test_digits_loss_and_accuracy_are_those_of_the_last_step():
    task = tasks.build("digits")
    _, y = next(task.batches(0, 20, "float64"))
    outputs = np.random.default_rng(0).standard_normal((64, 20, 10))
    loss, metrics = loss_and_metrics(task, outputs, y)
    expected = -log_softmax(outputs[-1], axis=-1)[np.arange(20), y].mean()
    assert loss == pytest.approx(expected, rel=1e-12)
    assert metrics["accuracy"] == pytest.approx((outputs[-1].argmax(-1) == y).mean())
    assert loss_and_metrics(task, np.zeros((1, 20, 10)), y)[0] == pytest.approx(task.baseline)


def test_epoch_stream_visits_everything_once_an_epoch_in_new_orders():
    stream = EpochStream(lambda chosen: (chosen,), 10, 4, 0)
    drawn = np.concatenate([next(stream)[0] for _ in range(10)]).reshape(4, 10)
    assert (np.sort(drawn, axis=1) == np.arange(10)).all()
    assert len({tuple(epoch) for epoch in drawn}) == 4


def test_digits_without_scikit_learn_names_the_extra(monkeypatch):
    digits_module.scans.cache_clear()
    digits_module.splits.cache_clear()
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"unitarygraph\[train\]"):
        tasks.build("digits").batches(0, 4, "float32")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("copying", {"delay": 0}, "delay must be at least 1, got 0"),
        ("copying", {"protocol": "henaff"}, "protocol must be one of exprnn, arjovsky"),
        ("adding", {"length": 1}, "length must be at least 2, got 1"),
        (
            "sorting",
            {},
            "task: expected one of adding, cifar10, cifar100, copying, .*, got 'sorting'",
        ),
    ],
)
def test_wrong_options_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        tasks.build(name, **options)


def test_losses_keep_float32(task):
    inputs = task.inputs("float32", 5)
    outputs = pt.tensor("o", dtype="float32", shape=(None, 5, task.output_size))
    assert task.loss(outputs, *inputs[1:]).dtype == "float32"
    assert all(m.dtype == "float32" for m in task.metrics(outputs, *inputs[1:]).values())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_hits_are_those_of_the_first_largest_score(dtype, rng):
    """As by NumPy's argmax, at ties and infinities too; a score that is NaN never hits."""
    scores = pt.tensor(dtype=dtype, shape=(5, 40, 7))
    labels = pt.tensor(dtype="int64", shape=(5, 40))
    values = rng.integers(-2, 3, (5, 40, 7)).astype(dtype)
    values[1] = 0
    values[2, :, 3], values[3] = np.inf, -np.inf
    given = rng.integers(0, 7, (5, 40))
    f = pytensor.function([scores, labels], hits(scores, labels), mode="FAST_COMPILE")
    found = f(values, given)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.argmax(values, axis=-1) == given)
    values[4] = np.nan
    assert not f(values, given)[4].any()
