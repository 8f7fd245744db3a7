"""compare --grid: the product of values, each run the one that train makes with those settings."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import unitarygraph as ug
from unitarygraph.cli import app
from unitarygraph.comparing.grid import name_of, points_of
from unitarygraph.training.store import Checkpoint

# pip's PyTensor has no BLAS for its C code, which scan uses in FAST_COMPILE mode, and says so
pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")

TINY = {"backend": "python", "delay": 3, "length": 2, "batch": 4, "log_every": 2, "steps": 4,
        "progress": False}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    grid = {"learning_rate": [1e-2, 0.5], "hidden": ["3"]}
    out = tmp_path_factory.mktemp("grid")
    return ug.compare("copying", ["tanh"], seeds=2, grid=grid, out=out, **TINY)


def test_a_run_of_the_grid_is_the_run_of_its_settings(found, tmp_path):
    alone = ug.train("copying", "tanh", 3, seed=1, out=tmp_path / "x", learning_rate=0.5, **TINY)
    twin = found.runs["tanh learning_rate=0.5 hidden=3", 1]
    assert twin.path.name == "tanh-learning_rate=0.5-hidden=3-seed1"
    assert twin.settings == alone.settings
    a, b = (Checkpoint.load(run.paths["checkpoint"]).values for run in (alone, twin))
    assert set(a) == set(b)
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_the_table_has_mean_and_spread_of_each_point(found):
    assert len(found.runs) == 4
    rows = json.loads(found.paths["table"].read_text())
    assert {row["grid.learning_rate"] for row in rows} == {"0.01", "0.5"}
    assert [row["loss"] for row in rows] == sorted(row["loss"] for row in rows)
    for row in rows:
        last = [found.runs[row["name"], seed].rows[-1] for seed in (0, 1)]
        losses, accuracies = ([r[k] for r in last] for k in ("eval_loss", "eval_accuracy"))
        assert row["model"] == "tanh"
        assert row["loss"] == pytest.approx(np.mean(losses))
        assert row["loss_spread"] == pytest.approx(np.ptp(losses))
        assert row["accuracy"] == pytest.approx(np.mean(accuracies))
        assert row["spread_of_accuracy"] == pytest.approx(np.ptp(accuracies))
    text = found.paths["markdown"].read_text()
    assert "--grid learning_rate=0.01,0.5 --grid hidden=3" in text
    assert "| model | learning_rate | hidden |" in text


def test_several_options_make_the_product():
    points = points_of({"a": "1,2", "b": ["x", None]}, [])
    assert points == [{"a": a, "b": b} for a in ("1", "2") for b in ("x", None)]
    assert [name_of("lstm", p) for p in points][1] == "lstm a=1 b=none"
    assert points_of({}, ["a"]) == [{}]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--grid", "learning_rate"], "--grid: expected KEY=VALUE, got 'learning_rate'"),
        (["--grid", "learning_rate=1,,2"], "--grid learning_rate: expected values with commas"),
        (["--grid", "learning_rate=1,1"], "a value is given twice in '1,1'"),
        (
            ["--grid", "seed=1,2"],
            "--grid seed: a comparison runs the seeds 0, 1, ...: write --seeds",
        ),
        (["--grid", "steps=1,2"], "--grid steps: all runs have one budget"),
        (["--grid", "clip=1,2", "--set", "clip=3"], "--grid clip: clip is set as well"),
        (["--grid", "clip=1,2", "--set", "tanh.clip=3"], "--grid clip: tanh.clip is set as well"),
        (["--grid", "delay=3,4"], "--grid delay: expected options of models, rules and training"),
        (["--grid", "delai=3,4"], "delai: no such option"),
    ],
)
def test_what_is_no_grid_is_refused_before_anything_is_run(tmp_path, words, message):
    out = tmp_path / "out"
    command = ["compare", "copying", "--models", "tanh", "--hidden", "3", "--out", str(out)]
    done = CliRunner().invoke(app, [*command, *words], env={"COLUMNS": "160"})
    assert done.exit_code == 2
    assert message in done.output
    assert not out.exists()
