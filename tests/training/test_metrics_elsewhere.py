"""Metrics for other programs: metrics.csv and TensorBoard events are the rows of metrics.jsonl."""

import csv
import sys
from types import SimpleNamespace

import pytest

import unitarygraph as ug
from unitarygraph.training import tensorboard

# pip's PyTensor has no BLAS for its C code, which scan uses in FAST_COMPILE mode, and says so
pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")

OPTIONS = {"hidden": 4, "backend": "python", "delay": 3, "length": 2, "batch": 4, "log_every": 2,
           "progress": False}  # fmt: skip


@pytest.fixture
def written(monkeypatch):
    """A tensorboardX that notes what is written."""
    noted = SimpleNamespace(folders=[], scalars=[], closed=0)

    class SummaryWriter:
        def __init__(self, folder, purge_step):
            noted.folders.append((folder, purge_step))

        def add_scalar(self, name, value, step):
            noted.scalars.append((name, value, step))

        def close(self):
            noted.closed += 1

    monkeypatch.setitem(sys.modules, "tensorboardX", SimpleNamespace(SummaryWriter=SummaryWriter))
    return noted


def test_csv_and_events_are_the_rows(written, tmp_path):
    out = tmp_path / "run"
    run = ug.train("copying", "tanh", steps=4, out=out, tensorboard=True, **OPTIONS)
    with open(run.paths["csv"], newline="") as file:
        read = [
            {k: float(v) for k, v in row.items() if v not in ("", None)}
            for row in csv.DictReader(file)
        ]
    assert read == [{k: v for k, v in row.items() if v is not None} for row in run.rows]
    assert written.folders == [(str(out / "tensorboard"), 1)]
    assert written.closed == 1
    assert written.scalars == [
        (name, value, row["step"])
        for row in run.rows
        for name, value in row.items()
        if name != "step" and value is not None
    ]
    ug.train("copying", steps=5, out=out, resume=True, tensorboard=True, progress=False)
    assert written.folders[1] == (str(out / "tensorboard"), 5)
    assert {step for _, _, step in written.scalars[-6:]} == {5}


def test_without_a_package_it_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard, "WRITERS", ("no_such_package",))
    with pytest.raises(ImportError, match="--tensorboard needs tensorboardX, or torch and"):
        ug.train("copying", "tanh", out=tmp_path / "run", tensorboard=True, **OPTIONS)
    assert not (tmp_path / "run").exists()
