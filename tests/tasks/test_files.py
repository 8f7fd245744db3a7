"""Loaders against files of other writers, and against damaged ones, which are refused in words."""

import gzip
import os
import pickle
import struct

import numpy as np
import pytest

from unitarygraph.tasks.files.cifar import IMAGE, read_cifar
from unitarygraph.tasks.files.find import contents, find
from unitarygraph.tasks.files.idx import read_idx
from unitarygraph.tasks.files.npz import read_npz
from unitarygraph.tasks.files.pickles import read_pickle
from unitarygraph.tasks.files.rows import read_rows
from unitarygraph.tasks.files.ts import read_ts


def idx(array, magic=b"\0\0\x08"):
    """An IDX file as the format says, by struct."""
    head = magic + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(np.uint8).tobytes()


def images(rng, count):
    return rng.integers(0, 256, (count, IMAGE), dtype=np.uint8)


def python_batch(x, y, key=b"labels"):
    """As Python 2 pickled CIFAR's batches: bytes for strings, lists of integers."""
    return pickle.dumps({b"data": x, key: [int(i) for i in y], b"batch_label": b"x"}, protocol=2)


def cifar10(folder, rng, form):
    """Six files of three images each; what they hold."""
    x, y = images(rng, 18), rng.integers(0, 10, 18)
    for k in range(6):
        name = "test_batch" if k == 5 else f"data_batch_{k + 1}"
        part, labels = x[3 * k : 3 * k + 3], y[3 * k : 3 * k + 3]
        if form == "binary":
            rows = np.concatenate([labels[:, None].astype(np.uint8), part], axis=1)
            (folder / f"{name}.bin").write_bytes(rows.tobytes())
        else:
            (folder / name).write_bytes(python_batch(part, labels))
    return x, y


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("shape", [(3, 4, 5), (7,), (0, 2, 2)])
def test_idx(tmp_path, rng, packed, shape):
    array = rng.integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    np.testing.assert_array_equal(read_idx(path, len(shape)), array)


@pytest.mark.parametrize("form", ["binary", "python"])
@pytest.mark.parametrize("below", ["", "cifar-10-batches-bin", "cifar-10-batches-py"])
def test_cifar10(tmp_path, rng, form, below):
    if below and below[-2:] != ("in" if form == "binary" else "py"):
        pytest.skip("the other form's folder")
    (tmp_path / below).mkdir(exist_ok=True)
    x, y = cifar10(tmp_path / below, rng, form)
    train, test = read_cifar(tmp_path, 10)
    np.testing.assert_array_equal(np.concatenate([train[0], test[0]]), x)
    np.testing.assert_array_equal(np.concatenate([train[1], test[1]]), y)
    assert [len(test[1]), test[1].dtype.name] == [3, "int32"]


def test_cifar100_has_the_fine_labels(tmp_path, rng):
    x, fine, coarse = images(rng, 4), rng.integers(20, 100, 4), rng.integers(0, 20, 4)
    binary, python = tmp_path / "b", tmp_path / "p"
    binary.mkdir()
    python.mkdir()
    for name in ("train", "test"):
        rows = np.concatenate([np.stack([coarse, fine], 1).astype(np.uint8), x], axis=1)
        (binary / f"{name}.bin").write_bytes(rows.tobytes())
        (python / name).write_bytes(python_batch(x, fine, b"fine_labels"))
    for folder in (binary, python):
        for part in read_cifar(folder, 100):
            np.testing.assert_array_equal(part[0], x)
            np.testing.assert_array_equal(part[1], fine)


TS = """# a problem
@problemName Small
@timeStamps false
@univariate false
@classLabel true one Two
@data
1,2,3:4,5,6:one
-1.5,2e3:0,1:Two
"""


def test_ts(tmp_path):
    path = tmp_path / "Small_TRAIN.ts"
    path.write_text(TS)
    series, labels = read_ts(path)
    assert labels == ["one", "Two"]
    np.testing.assert_array_equal(series[0], [[1, 4], [2, 5], [3, 6]])
    np.testing.assert_array_equal(series[1], [[-1.5, 0], [2000, 1]])


@pytest.mark.parametrize(
    "text", ["a,1,2\nb,3,4\n", "label,t0,t1\na,1,2\nb,3,4", "a\t1\t2\nb\t3\t4\n"]
)
def test_rows(tmp_path, text):
    path = tmp_path / "x.csv"
    path.write_text(text)
    values, labels = read_rows(path)
    np.testing.assert_array_equal(values, [[1, 2], [3, 4]])
    assert labels == ["a", "b"]


def test_npz(tmp_path, rng):
    x = rng.standard_normal((3, 2))
    np.savez(tmp_path / "x.npz", x=x, y=np.arange(3))
    arrays = read_npz(tmp_path / "x.npz", ["x", "y"])
    np.testing.assert_array_equal(arrays["x"], x)


class Evil:
    """What a hostile pickle would run."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def test_a_pickle_runs_nothing(tmp_path):
    mark, path = tmp_path / "ran", tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps({b"data": Evil(mark)}))
    with pytest.raises(ValueError, match=r"should be a batch, got what cannot be read .*system"):
        read_pickle(path, "a batch")
    assert not mark.exists()
    assert os.system(f"touch {mark}") == 0  # and it would have


GOOD = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
DAMAGED_IDX = {
    "empty": (b"", "begins with the bytes none"),
    "another format": (b"\x89PNG" + bytes(40), "begins with the bytes 89 50 4e 47"),
    "labels for images": (idx(GOOD[0, 0]), "begins with the bytes 00 00 08 01"),
    "of floats": (idx(GOOD, b"\0\0\x0d"), "begins with the bytes 00 00 0d 03"),
    "head cut": (idx(GOOD)[:9], "an IDX file of bytes with 3 axes"),
    "cut": (idx(GOOD)[:-1], "24 bytes by its head, got 23"),
    "too long": (idx(GOOD) + b"x", "24 bytes by its head, got 25"),
    "gzip cut": (gzip.compress(idx(GOOD))[:-9], "is no whole gzip file"),
    "gzip damaged": (gzip.compress(idx(GOOD))[:-8] + bytes(8), "is no whole gzip file"),
}


@pytest.mark.parametrize(("raw", "message"), DAMAGED_IDX.values(), ids=DAMAGED_IDX)
def test_damaged_idx(tmp_path, raw, message):
    path = tmp_path / "x"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=message) as caught:
        read_idx(path, 3)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


DAMAGED_TS = {
    "no data": (TS.replace("@data", ""), "without a line @data"),
    "nothing after data": (TS.partition("1,2,3")[0], "one without data"),
    "time stamps": (TS.replace("timeStamps false", "timeStamps true"), "with @timeStamps true"),
    "no labels": (
        TS.replace("@classLabel true one Two", "@classLabel false"),
        "without @classLabel",
    ),
    "unknown label": (TS.replace(":one", ":three"), "with a label of .*, got line 7"),
    "missing value": (TS.replace("4,5,6", "4,?,6"), "none missing, got line 7"),
    "channels of two lengths": (TS.replace("4,5,6", "4,5"), "none missing, got line 7"),
    "a channel too few": (TS.replace("0,1:Two", "Two"), "all of as many channels, got line 8"),
}


@pytest.mark.parametrize(("text", "message"), DAMAGED_TS.values(), ids=DAMAGED_TS)
def test_damaged_ts(tmp_path, text, message):
    path = tmp_path / "x.ts"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_ts(path)


DAMAGED_ROWS = {
    "empty": ("", "got none"),
    "ragged": ("a,1,2\nb,3\n", "3 as in the first, got 2 in row 2"),
    "text": ("a,1,2\nb,3,x\n", "'x' in row 2"),
    "not finite": ("a,1,2\nb,nan,1\n", "'nan' in row 2"),
}


@pytest.mark.parametrize(("text", "message"), DAMAGED_ROWS.values(), ids=DAMAGED_ROWS)
def test_damaged_rows(tmp_path, text, message):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_rows(path)


def test_files_that_are_no_text(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"\xff\xfe\x00\x80" * 9)
    for read in (read_ts, read_rows):
        with pytest.raises(ValueError, match="a file that is no text"):
            read(path)


def test_damaged_npz(tmp_path):
    path = tmp_path / "x.npz"
    for raw in (b"", b"PK\x03\x04 nothing", b"plain text"):
        path.write_bytes(raw)
        with pytest.raises(ValueError, match=r"should be an .npz file with the arrays x, y"):
            read_npz(path, ["x", "y"])
    np.savez(path, x=np.zeros(3))
    with pytest.raises(ValueError, match="arrays x, y, got x"):
        read_npz(path, ["x", "y"])
    np.savez(path, x=np.zeros(3), y=np.array([{}, []], object))
    with pytest.raises(ValueError, match="or one of Python objects"):
        read_npz(path, ["x", "y"])
    np.save(tmp_path / "y.npz", np.zeros(3))
    os.replace(tmp_path / "y.npz.npy", path)
    with pytest.raises(ValueError, match="got one array"):
        read_npz(path, ["x", "y"])


def test_damaged_cifar(tmp_path, rng):
    cifar10(tmp_path, rng, "binary")
    first = tmp_path / "data_batch_1.bin"
    whole = first.read_bytes()
    first.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match="rows of 3073 bytes, got 9218 bytes"):
        read_cifar(tmp_path, 10)
    first.write_bytes(bytes([10]) + whole[1:])
    with pytest.raises(ValueError, match="labels 0 to 9, got others, the largest 10"):
        read_cifar(tmp_path, 10)
    first.write_bytes(whole)
    (tmp_path / "data_batch_4.bin").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"has none of the files data_batch_4.bin .*toronto"
    ):
        read_cifar(tmp_path, 10)
    with pytest.raises(FileNotFoundError, match=r"train.bin, cifar-100-binary/train.bin, train"):
        read_cifar(tmp_path, 100)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ([1, 2], "got a list without them"),
        ({b"data": np.zeros((2, IMAGE), np.uint8)}, "got a dict without them"),
        ({b"data": [1], b"labels": [1]}, "b'data' of type list"),
        ({b"data": np.zeros((2, IMAGE)), b"labels": [1, 2]}, "b'data' of type ndarray"),
        ({b"data": np.zeros((2, 5), np.uint8), b"labels": [1, 2]}, r"arrays of shape \(2, 5\)"),
        ({b"data": np.zeros((2, IMAGE), np.uint8), b"labels": [1]}, r"\(2, 3072\) and \(1,\)"),
        (
            {b"data": np.zeros((2, IMAGE), np.uint8), b"labels": [1, -1]},
            "labels 0 to 9, got others",
        ),
        (
            {b"data": np.zeros((2, IMAGE), np.uint8), b"labels": [1, 0.5]},
            "labels 0 to 9, got others",
        ),
    ],
)
def test_damaged_cifar_in_the_python_form(tmp_path, batch, message):
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(batch, protocol=2))
    with pytest.raises(ValueError, match=message):
        read_cifar(tmp_path, 10)


def test_what_is_not_there_is_said_in_one_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file or directory .*none'; from a friend"):
        find(tmp_path / "none", ["x"], "from a friend")
    with pytest.raises(
        FileNotFoundError, match=r"none of the files x, y \(or .gz\); from a friend"
    ):
        find(tmp_path, ["x", "y"], "from a friend")
    (tmp_path / "y.gz").write_bytes(gzip.compress(b"abc"))
    assert contents(find(tmp_path, ["x", "y"], "")) == b"abc"
    assert contents(find(tmp_path / "y.gz", ["x", "y"], "")) == b"abc"
