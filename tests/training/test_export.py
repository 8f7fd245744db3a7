"""export: the file has the checkpoint's weights, and W is what the parameters stand for."""

import numpy as np
import pytest
import scipy.linalg
from typer.testing import CliRunner

import unitarygraph as ug
from unitarygraph.cli import app
from unitarygraph.training.begin import prepare
from unitarygraph.training.options import resolve
from unitarygraph.training.store import Checkpoint, RunDirectory, write_atomically


def directory(path, model, **options):
    """A run whose checkpoints, last and best, were never trained: nothing is compiled."""
    settings = resolve("copying", model, 6, backend="python", dtype="float64", assignments=options)
    files = RunDirectory(path)
    files.begin(settings)
    program = prepare(settings)
    rng = np.random.default_rng(0)
    values = {p.name: p.get_value() for p in (*program.model.params, *program.model.buffers)}
    Checkpoint(1, 0.0, values, program.stream.state()).save(files.checkpoint)
    bias = next(name for name in values if name in ("b", "bias", "c"))
    values = values | {bias: values[bias] + rng.standard_normal(values[bias].shape)}
    Checkpoint(1, 0.0, values, program.stream.state()).save(files.best)
    return files, bias


def export(*words):
    return CliRunner().invoke(app, ["export", *map(str, words)], env={"COLUMNS": "160"})


@pytest.mark.parametrize("model", ["exprnn", "urnn", "tanh", "scurnn"])
def test_the_file_has_the_weights_of_either_checkpoint(tmp_path, model):
    files, bias = directory(tmp_path / "run", model)
    found = {}
    for which in ("last", "best"):
        out = tmp_path / f"{which}.npz"
        done = export(files.path, out, "--checkpoint", which)
        assert done.exit_code == 0, done.output
        found[which] = dict(np.load(out, allow_pickle=False))
        assert all(name in done.output for name in found[which])
    assert not np.array_equal(found["last"][bias], found["best"][bias])
    run = ug.load(files.path)
    for which, arrays in found.items():
        written = Checkpoint.load(files.checkpoint if which == "last" else files.best).values
        assert set(arrays) == {*written, "recurrent"}
        for name, value in written.items():
            stored = arrays[name]
            if np.iscomplexobj(stored):
                axis = 0 if stored.ndim == 1 else -3
                stored = np.stack([stored.real, stored.imag], axis=axis)
            assert np.array_equal(stored, value), name
        for name, value in run.weights(which).items():
            assert np.array_equal(arrays[name], value)


def test_w_is_multiplied_out(tmp_path):
    weights = ug.load(directory(tmp_path / "exprnn", "exprnn")[0].path).weights()
    W = weights["recurrent"]
    np.testing.assert_allclose(W.conj().T @ W, np.eye(6), atol=1e-13)
    assert np.abs(scipy.linalg.logm(W)).max() > 0.1
    weights = ug.load(directory(tmp_path / "urnn", "urnn")[0].path).weights()
    assert np.iscomplexobj(weights["recurrent"])
    assert weights["recurrent"].shape == (6, 6)
    assert np.abs(weights["recurrent"].imag).max() > 0.1


def test_what_cannot_be_written_is_refused(tmp_path):
    files, _ = directory(tmp_path / "run", "tanh")
    for words, message in (
        ((files.path, tmp_path / "out.txt"), "expected a file name that ends in .npz"),
        ((files.path, tmp_path / "out.npz", "--checkpoint", "first"), "expected last or best"),
        ((tmp_path / "none", tmp_path / "out.npz"), "holds no run"),
    ):
        done = export(*words)
        assert (done.exit_code, message in done.output) == (2, True), done.output
    write_atomically(tmp_path / "out.npz", b"mine")
    assert "is there already; --force" in export(files.path, tmp_path / "out.npz").output
    assert (tmp_path / "out.npz").read_bytes() == b"mine"
    assert export(files.path, tmp_path / "out.npz", "--force").exit_code == 0
    with pytest.raises(ValueError, match="expected last or best, got 'first'"):
        ug.load(files.path).weights("first")
