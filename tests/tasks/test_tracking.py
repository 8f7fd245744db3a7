"""State tracking: words read letter by letter in Python's own numbers and permutations."""

import math
from itertools import permutations

import numpy as np
import pytensor.tensor as pt
import pytest
from pytensor import function
from scipy.special import log_softmax

from unitarygraph import tasks

GROUPS = {"S3": (3, 6), "S4": (4, 24), "A5": (5, 60), "S5": (5, 120)}


def batch_of(task, count=300):
    x, y, mask = next(task.batches(0, count, "float64"))
    assert x.shape == (task.length, count, task.input_size)
    lengths = mask.sum(axis=0).astype(int)
    assert set(lengths) == set(range(1, task.length + 1))
    assert np.array_equal(mask, np.arange(task.length)[:, None] < lengths)
    assert not x[mask == 0].any()
    assert not y[mask == 0].any()
    return x, y, lengths


def test_parity_counts_ones():
    x, y, lengths = batch_of(tasks.build("parity", length=7))
    for b, length in enumerate(lengths):
        bits = [list(row).index(1) for row in x[:length, b]]
        assert [sum(bits[: t + 1]) % 2 for t in range(length)] == list(y[:length, b])


def test_modular_applies_operators_from_left_to_right():
    task = tasks.build("modular", length=9, modulus=7, operators="*+-")
    x, y, lengths = batch_of(task)
    assert task.input_size == 3 + 7
    for b, length in enumerate(lengths):
        value = 0
        for t in range(length):
            (operator, number) = np.flatnonzero(x[t, b])
            value = eval(f"({value} {'*+-'[operator]} {number - 3}) % 7")
            assert y[t, b] == value


@pytest.mark.parametrize("name", GROUPS)
def test_words_of_permutations_are_products_of_their_matrices(name):
    size, order = GROUPS[name]
    task = tasks.build("group", group=name, length=5)
    elements = [np.eye(size)[:, list(p)] for p in permutations(range(size))]
    if name[0] == "A":
        elements = [e for e in elements if np.linalg.det(e) > 0]
    assert task.input_size == task.output_size == len(elements) == order
    x, y, lengths = batch_of(task, 60)
    for b, length in enumerate(lengths):
        product = np.eye(size)
        for t in range(length):
            product = elements[x[t, b].argmax()] @ product
            assert np.array_equal(product, elements[y[t, b]])


def test_words_of_numbers_are_sums():
    task = tasks.build("group", group="Z12", length=8)
    x, y, lengths = batch_of(task)
    sums = x.argmax(axis=-1).cumsum(axis=0) % 12
    for b, length in enumerate(lengths):
        assert np.array_equal(y[:length, b], sums[:length, b])


@pytest.mark.parametrize("every_step", [True, False])
def test_loss_averages_a_words_steps_or_takes_the_last_and_accuracy_is_that_of_the_last(
    every_step, rng
):
    task = tasks.build("group", length=6, every_step=every_step)
    _, y, mask = next(task.batches(0, 50, "float64"))
    scores = rng.standard_normal((*y.shape, 6))
    symbols = task.inputs("float64")[1:]
    outputs = pt.tensor("outputs", dtype="float64", shape=(None, None, 6))
    results = [task.loss(outputs, *symbols), task.metrics(outputs, *symbols)["accuracy"]]
    loss, accuracy = function([outputs, *symbols], results, mode="FAST_COMPILE")(scores, y, mask)
    costs, right = [], []
    for b, length in enumerate(mask.sum(axis=0).astype(int)):
        nll = -log_softmax(scores[:length, b], axis=-1)[np.arange(length), y[:length, b]]
        costs.append(nll.mean() if every_step else nll[-1])
        right.append(scores[length - 1, b].argmax() == y[length - 1, b])
    assert loss == pytest.approx(np.mean(costs), rel=1e-12)
    assert accuracy == pytest.approx(np.mean(right), rel=1e-12)


@pytest.mark.parametrize("every_step", [True, False])
def test_baseline_of_modular_is_the_entropy_of_its_targets(every_step):
    """By the shares of each step's targets among many words; in groups all states are as frequent."""
    task = tasks.build("modular", length=4, modulus=4, every_step=every_step)
    _, y, mask = next(task.batches(0, 200_000, "float32"))
    entropies = []
    for t in range(4):
        share = np.bincount(y[t][mask[t] > 0], minlength=4) / mask[t].sum()
        entropies.append(-(share * np.log(share)).sum())
    if every_step:
        expected = np.mean([np.mean(entropies[:n]) for n in (1, 2, 3, 4)])
    else:
        expected = np.mean(entropies)
    assert task.baseline == pytest.approx(expected, rel=2e-3)
    assert tasks.build("parity").baseline == pytest.approx(math.log(2), rel=1e-12)
    assert tasks.build("group", group="A5").baseline == pytest.approx(math.log(60), rel=1e-12)


def test_further_sets_hold_words_of_one_length_each_and_never_change():
    task = tasks.build("parity", length=5, evaluation_lengths="5 9")
    sets = {
        name: list(batches) for name, batches in task.further_evaluations(200, "float32").items()
    }
    assert list(sets) == ["5", "9"]
    for name, batches in sets.items():
        assert [part[0].shape[:2] for part in batches] == [(int(name), n) for n in (200, 200, 112)]
        assert all(part[2].all() for part in batches)
    again = next(task.further_evaluations(512, "float32")["9"])
    for k, parts in enumerate(zip(*sets["9"], strict=True)):
        assert np.array_equal(again[k], np.concatenate(parts, axis=1))
    assert not tasks.build("copying").further_evaluations(4, "float32")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("parity", {"length": 0}, "parity: length must be at least 1, got 0"),
        ("parity", {"evaluation_lengths": "40 x"}, "evaluation_lengths must be lengths .*'40 x'"),
        ("modular", {"modulus": 1}, "modular: modulus must be at least 2, got 1"),
        ("modular", {"operators": "+/"}, r"operators must be some of \+-\*, each once, got '\+/'"),
        ("modular", {"operators": "++"}, "each once"),
        ("group", {"group": "Z1"}, "group must be one of S3, S4, A5, S5 or Zk .*got 'Z1'"),
        ("group", {"group": "D4"}, "got 'D4'"),
    ],
)
def test_wrong_options_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        tasks.build(name, **options)
