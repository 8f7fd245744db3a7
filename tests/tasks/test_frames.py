"""Tasks with a target at every frame: TIMIT's files, piano rolls, and means over frames."""

import json
import math
import pickle

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import unitarygraph as ug
from unitarygraph import tasks
from unitarygraph.tasks.files.npz import read_npy
from unitarygraph.tasks.files.rolls import read_rolls

LENGTHS = {"train": [5, 3, 1, 4, 5, 2], "eval": [2, 4, 1], "test": [3, 3]}


def timit_files(folder, rng, features=3):
    """The nine files; their arrays."""
    found = {}
    for name, lengths in LENGTHS.items():
        x, z = rng.standard_normal((2, len(lengths), max(lengths), features)).astype("float32")
        for array, end in ((x, "x"), (z, "z")):
            np.save(folder / f"{name}_{end}.npy", array)
        np.save(folder / f"lens_{name}.npy", np.array(lengths))
        found[name] = x, z
    return found


def rolls(rng):
    """Three sets of sequences of chords."""
    return {
        name: [
            [sorted({int(k) for k in rng.integers(21, 109, rng.integers(0, 5))}) for _ in range(T)]
            for T in lengths
        ]
        for name, lengths in (("train", (6, 3, 2)), ("valid", (4, 2)), ("test", (5,)))
    }


@pytest.fixture
def timit(tmp_path, rng):
    return tasks.build("timit", data=str(tmp_path)), timit_files(tmp_path, rng)


def test_timit_is_its_files_behind_masks(timit):
    task, arrays = timit
    assert [v.type.shape for v in task.inputs("float32", 2)] == [(5, 2, 3), (5, 2, 3), (5, 2)]
    (x, z, mask), (more, *_) = task.evaluation_batches(2, "float32")
    np.testing.assert_array_equal(mask.sum(axis=0), [2, 4])
    assert more.shape == (5, 1, 3)
    np.testing.assert_array_equal(x[:4], arrays["eval"][0][:2].swapaxes(0, 1))
    np.testing.assert_array_equal(z[:4], arrays["eval"][1][:2].swapaxes(0, 1))
    assert not x[4:].any()
    (test,) = task.further_evaluations(9, "float32")["test"]
    np.testing.assert_array_equal(test[0][:3], arrays["test"][0].swapaxes(0, 1))


def test_timit_has_both_published_means(timit, rng):
    task, _ = timit
    x, z, mask = next(task.evaluation_batches(2, "float64"))
    outputs = rng.standard_normal(z.shape)
    outputs[mask == 0] = np.nan
    o = pt.tensor("o", dtype="float64", shape=z.shape)
    targets = task.inputs("float64", 2)[1:]
    found = [task.loss(o, *targets), *task.metrics(o, *targets).values()]
    loss, mse, of_all = pytensor.function([o, *targets], found, mode="FAST_COMPILE")(
        outputs, z, mask
    )
    errors = ((outputs - z) ** 2).mean(axis=-1)[mask == 1]
    assert loss == mse == pytest.approx(errors.mean())
    assert of_all == pytest.approx(errors.sum() / mask.size)
    assert len(x) == 5


def test_evaluations_are_means_over_frames(tmp_path, rng):
    """Whatever the batches: two of them here, of 6 frames and of 1."""
    timit_files(tmp_path, rng)
    runs = [
        ug.train(
            "timit", "irnn", hidden=3, steps=1, batch=batch, progress=False, seed=1,
            data=str(tmp_path), out=tmp_path / f"run{batch}", learning_rate=1e-30,
        )
        for batch in (2, 3)
    ]  # fmt: skip
    a, b = (run.rows[-1] for run in runs)
    for name in ("eval_loss", "eval_mse", "eval_mse_test"):
        assert a[name] == pytest.approx(b[name], rel=1e-5)


@pytest.mark.parametrize("form", ["pickle", "json", "folder"])
def test_chords_become_frames_of_keys(tmp_path, rng, form):
    given = rolls(rng)
    path = tmp_path / ("Jsb16thSeparated.json" if form == "json" else "JSB Chorales.pickle")
    if form == "json":
        voices = {k: [[[*chord, -1] for chord in s] for s in part] for k, part in given.items()}
        path.write_text(json.dumps(voices))
    else:
        path.write_bytes(pickle.dumps(given, protocol=2))
    task = tasks.build("jsb", data=str(tmp_path if form == "folder" else path))
    x, z, mask = next(task.evaluation_batches(9, "float32"))
    assert x.shape == (5, 2, 88)
    np.testing.assert_array_equal(mask.sum(axis=0), [3, 1])
    for i, sequence in enumerate(given["valid"]):
        for t, chord in enumerate(sequence[:-1]):
            assert [int(k) + 21 for k in np.flatnonzero(x[t, i])] == chord
            assert [int(k) + 21 for k in np.flatnonzero(z[t, i])] == sequence[t + 1]


def test_likelihood_of_a_frame(tmp_path, rng):
    (tmp_path / "JSB Chorales.pickle").write_bytes(pickle.dumps(rolls(rng)))
    task = tasks.build("jsb", data=str(tmp_path))
    _, z, mask = next(task.evaluation_batches(9, "float64"))
    o = pt.tensor("o", dtype="float64", shape=z.shape)
    targets = task.inputs("float64", 2)[1:]
    f = pytensor.function([o, *targets], task.loss(o, *targets), mode="FAST_COMPILE")
    assert f(np.zeros(z.shape), z, mask) == pytest.approx(task.baseline) == 88 * math.log(2)
    scores = rng.standard_normal(z.shape)
    p = 1 / (1 + np.exp(-scores))
    frames = -np.where(z == 1, np.log(p), np.log(1 - p)).sum(axis=-1)
    assert f(scores, z, mask) == pytest.approx(frames[mask == 1].mean())


def test_damaged_rolls(tmp_path):
    for name, raw, message in (
        ("a.json", b"{", "what is no JSON"),
        ("b.json", b'{"train": []}', "a dict without them"),
        ("c.json", b'{"train": [[[20]]], "valid": [], "test": []}', "the number 20"),
        ("d.json", b'{"train": [[[60.5]]], "valid": [], "test": []}', "the number 60.5"),
        ("e.pickle", b"\x80", "what cannot be read"),
        ("f.pickle", pickle.dumps([1]), "a list without them"),
    ):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(ValueError, match=message):
            read_rolls(tmp_path / name)
    short = {"train": [[[60]]], "valid": [[[60], [60]]], "test": [[[60], [60]]]}
    (tmp_path / "g.json").write_text(json.dumps(short))
    with pytest.raises(ValueError, match="a sequence of less than two frames"):
        tasks.build("jsb", data=str(tmp_path / "g.json")).sets()


def test_damaged_timit(tmp_path, rng):
    for name in ("timit", "jsb"):
        with pytest.raises(FileNotFoundError, match=f"{name}: data must be given"):
            tasks.build(name).sets()
    timit_files(tmp_path, rng)
    (tmp_path / "lens_eval.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"none of the files lens_eval.npy .*LDC93S1"):
        tasks.build("timit", data=str(tmp_path)).sets()
    np.save(tmp_path / "lens_eval.npy", [2, 9, 1])
    with pytest.raises(ValueError, match="whose lens are 1 to 4"):
        tasks.build("timit", data=str(tmp_path)).sets()
    np.save(tmp_path / "lens_eval.npy", [2, 4, 1])
    np.save(tmp_path / "eval_z.npy", rng.standard_normal((3, 4, 2)))
    with pytest.raises(ValueError, match=r"\(3, 4, 3\) and float64 \(3, 4, 2\)"):
        tasks.build("timit", data=str(tmp_path)).sets()
    for raw in (b"", b"\x93NUMPY\x01\x00", b"text"):
        (tmp_path / "x.npy").write_bytes(raw)
        with pytest.raises(ValueError, match=r"an .npy file of numbers, got a damaged one"):
            read_npy(tmp_path / "x.npy")
