"""Comparisons through the command line, with the cheapest models at the smallest sizes."""

import json
import os
import signal
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from unitarygraph import models
from unitarygraph.cli import app
from unitarygraph.comparing import runs as comparing_runs
from unitarygraph.comparing.curves import POINTS, together
from unitarygraph.comparing.plan import parameters_of
from unitarygraph.comparing.report import final_loss, milliseconds
from unitarygraph.training.begin import prepare
from unitarygraph.training.program import Program
from unitarygraph.training.store import Checkpoint, RunDirectory, read_rows

# pip's PyTensor has no BLAS for its C code, which scan uses in FAST_COMPILE mode, and says so
pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")

DOCS = Path(__file__).parents[2] / "docs"
TINY = ["--hidden", 8, "--backend", "python", "--set", "delay=5", "--set", "batch=4"]
KEYS = {
    "model", "loss", "accuracy", "unitarity", "parameters", "milliseconds",
    "loss_spread", "seeds", "steps", "baseline", "loss_over_baseline", "reason", "hidden",
}  # fmt: skip


def compare(out, names, *arguments, task="copying"):
    words = ["compare", task, "--models", names, *TINY, "--out", out, *arguments]
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "160"})


def table(out):
    return json.loads((out / "table.json").read_text())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A comparison that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole")
    done = compare(out, "exprnn,fcurnn", "--seeds", 2, "--steps", 6)
    assert done.exit_code == 0, done.output
    return SimpleNamespace(out=out, output=done.output)


def rows_of(out, model, seed):
    return read_rows(out / f"{model}-seed{seed}" / "metrics.jsonl")


def test_the_table_is_that_of_the_metrics(whole):
    rows = table(whole.out)
    assert {row["model"] for row in rows} == {"exprnn", "fcurnn"}
    assert [row["loss"] for row in rows] == sorted(row["loss"] for row in rows)
    for row in rows:
        assert set(row) >= KEYS
        runs = [rows_of(whole.out, row["model"], seed) for seed in (0, 1)]
        losses = [run[-1]["eval_loss"] for run in runs]
        assert losses[0] != losses[1]
        assert row["loss"] == pytest.approx(mean(losses))
        assert row["loss_spread"] == pytest.approx(abs(losses[0] - losses[1]))
        assert row["baseline"] == pytest.approx(10 * 2.0794415 / 25)
        assert row["loss_over_baseline"] == pytest.approx(row["loss"] / row["baseline"])
        for key, name in (("accuracy", "eval_accuracy"), ("unitarity", "unitarity")):
            assert row[key] == pytest.approx(mean(run[-1][name] for run in runs))
        # 6 steps are all logged; the last interval has the evaluation in it
        times = [[b["seconds"] - a["seconds"] for a, b in pairwise(run)][:-1]
                 for run in runs]  # fmt: skip
        assert row["milliseconds"] == pytest.approx(mean(1000 * median(t) for t in times))
        assert row["milliseconds"] > 0
        model = prepare(RunDirectory(whole.out / f"{row['model']}-seed0").settings()).model
        assert row["parameters"] == parameters_of(model)
        assert (row["seeds"], row["steps"], row["hidden"], row["reason"]) == (2, 6, 8, None)


def test_the_markdown_the_picture_and_what_is_printed(whole):
    text = (whole.out / "table.md").read_text()
    assert "unitarygraph compare copying --models exprnn,fcurnn --seeds 2 --steps 6" in text
    assert text.index("Baseline 0.8318") < text.index("| model | final loss |")
    for row in table(whole.out):
        assert f"| {row['model']} | {row['loss']:#.3g} |" in text
        assert f"{row['loss']:#.3g}" in whole.output
        assert str(row["parameters"]) in text
    assert "1/4 exprnn seed 0" in whole.output
    assert "4/4 fcurnn seed 1" in whole.output
    assert (whole.out / "compare.png").read_bytes().startswith(b"\x89PNG")
    for name in ("exprnn-seed0", "fcurnn-seed1"):
        run = RunDirectory(whole.out / name)
        for path in (run.config, run.metrics, run.checkpoint, run.curves):
            assert path.exists()
        assert run.settings().training.seed == int(name[-1])


def test_runs_that_are_there_are_kept_with_resume_and_refused_without(whole):
    refused = compare(whole.out, "exprnn,fcurnn", "--seeds", 2, "--steps", 6)
    assert refused.exit_code == 2
    assert "--resume continues the comparison, --force begins anew" in refused.output
    other = compare(whole.out, "exprnn", "--steps", 6, "--resume", "--set", "learning_rate=0.1")
    assert other.exit_code == 2
    assert "has learning_rate = 0.0005, got 0.1" in other.output
    before = (whole.out / "table.json").read_text()
    kept = compare(whole.out, "exprnn,fcurnn", "--seeds", 2, "--steps", 6, "--resume")
    assert kept.exit_code == 0, kept.output
    assert "compil" not in kept.output
    assert kept.output.count("finished before") == 4
    assert (whole.out / "table.json").read_text() == before


def test_interrupted_and_resumed_it_is_the_undisturbed_one(whole, tmp_path, monkeypatch):
    real, made = Program.step, [0]

    def step(program, *batch):
        made[0] += program.settings.model == "fcurnn"
        if made[0] == 4:  # the third, for compiling makes one
            os.kill(os.getpid(), signal.SIGINT)
        return real(program, *batch)

    monkeypatch.setattr(Program, "step", step)
    stopped = compare(tmp_path / "x", "exprnn,fcurnn", "--steps", 6)
    monkeypatch.undo()
    assert stopped.exit_code == 130, stopped.output
    assert "continue with the same command and --resume" in stopped.output
    rows = {row["model"]: row for row in table(tmp_path / "x")}
    assert rows["fcurnn"]["loss"] is None
    assert rows["fcurnn"]["reason"] == "stopped after step 3"
    assert Checkpoint.load(RunDirectory(tmp_path / "x" / "fcurnn-seed0").checkpoint).step == 3
    done = compare(tmp_path / "x", "exprnn,fcurnn", "--steps", 6, "--resume")
    assert done.exit_code == 0, done.output
    assert "1/2 exprnn seed 0  finished before" in done.output
    assert "continuing after step 3" in done.output
    for model in ("exprnn", "fcurnn"):
        first, second = (
            [{k: v for k, v in row.items() if k != "seconds"} for row in rows_of(out, model, 0)]
            for out in (whole.out, tmp_path / "x")
        )
        assert first == second


def test_a_budget_of_time(tmp_path):
    done = compare(tmp_path / "x", "exprnn", "--minutes", 0.003)
    assert done.exit_code == 0, done.output
    last = rows_of(tmp_path / "x", "exprnn", 0)[-1]
    state = Checkpoint.load(RunDirectory(tmp_path / "x" / "exprnn-seed0").checkpoint)
    assert state.step == last["step"] > 1
    assert 0.18 <= last["seconds"] < 2
    assert table(tmp_path / "x")[0]["steps"] == last["step"]
    assert "0.003 minutes a run" in (tmp_path / "x" / "table.md").read_text()
    again = compare(tmp_path / "x", "exprnn", "--minutes", 0.003, "--resume")
    assert "finished before" in again.output


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_run_that_ends_in_nan_is_a_row_with_its_reason(tmp_path):
    wild = [f"--set=tanh.{option}" for option in ("learning_rate=1e38", "optimizer=sgd")]
    done = compare(tmp_path / "x", "tanh,exprnn", "--steps", 8, *wild, "--set=tanh.clip=none")
    assert done.exit_code == 3, done.output
    good, bad = table(tmp_path / "x")
    assert (good["model"], good["reason"]) == ("exprnn", None)
    assert good["loss"] > 0
    assert bad["model"] == "tanh"
    assert bad["loss"] is bad["milliseconds"] is None
    assert bad["seeds"] == 0
    assert "is NaN or infinite at step" in bad["reason"]
    assert bad["reason"] in (tmp_path / "x" / "table.md").read_text()
    assert (tmp_path / "x" / "compare.png").exists()


def test_an_error_in_one_run_leaves_the_others(tmp_path, monkeypatch):
    real = Program.compile

    def broken(program):
        if program.settings.model == "exprnn":
            raise RuntimeError("out of memory")
        return real(program)

    monkeypatch.setattr(Program, "compile", broken)
    done = compare(tmp_path / "x", "exprnn,tanh", "--steps", 2, "--set", "tanh.hidden=3")
    assert done.exit_code == 1
    good, bad = table(tmp_path / "x")
    assert bad["reason"] == "RuntimeError: out of memory"
    assert (good["hidden"], bad["hidden"]) == (3, 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["exprnn,gpt", "--steps", 2], "model: expected one of"),
        (["exprnn,lstm", "--set", "forget_bias=2"], "exprnn: --set forget_bias: no such option"),
        (["exprnn", "--set", "lstm.forget_bias=2"], "lstm is not among the models exprnn"),
        (["exprnn", "--set", "exprnn.init=magic"], "magic"),
        (["exprnn", "--set", "exprnn.steps=3"], "all models have one budget"),
        (["exprnn", "--set", "seed=3"], "write --seeds"),
        (["exprnn", "--seeds", 0], "seeds must be at least 1, got 0"),
        (["exprnn", "--minutes", -1], "minutes must be positive and finite, got -1.0"),
        (["exprnn", "--force", "--resume"], "--resume and --force exclude each other"),
        (["wrn"], "no model is left (wrn: is for digits, mnist, cifar10, cifar100)"),
    ],
)
def test_mistakes_are_told_before_anything_runs(tmp_path, arguments, message):
    done = compare(tmp_path / "x", *arguments)
    assert done.exit_code == 2, done.output
    assert message in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert not (tmp_path / "x").exists()


def test_a_model_that_refuses_is_left_out_with_its_reason(tmp_path):
    done = compare(tmp_path / "x", "wrn,exprnn", "--steps", 1, "--minutes", 5)
    assert done.exit_code == 0, done.output
    why = "is for digits, mnist, cifar10, cifar100"
    assert f"wrn is left out: {why}" in done.output
    assert [(row["model"], row["steps"]) for row in table(tmp_path / "x")] == [("exprnn", 1)]
    assert (
        "- wrn, left out: is for digits, mnist, cifar10, cifar100"
        in (tmp_path / "x" / "table.md").read_text()
    )
    words = ["compare", "digits", "--models", "wrn", "--hidden", "8", "--out", str(tmp_path / "y")]
    assert "hidden_size must be a multiple of 64" in CliRunner().invoke(app, words).output


@pytest.mark.slow
def test_runs_side_by_side(tmp_path, monkeypatch):
    """In a folder with a file that has the name of one of Python's modules."""
    (tmp_path / "struct.py").write_text("raise ImportError('not this one')")
    monkeypatch.chdir(tmp_path)
    done = compare(tmp_path / "x", "tanh", "--seeds", 2, "--steps", 3, "--jobs", 2)
    assert done.exit_code == 0, done.output
    assert table(tmp_path / "x")[0]["seeds"] == 2
    assert "Times are those of 2 runs side by side" in (tmp_path / "x" / "table.md").read_text()


def test_a_process_that_dies_is_an_outcome():
    ours, theirs = comparing_runs.multiprocessing.Pipe(duplex=False)
    theirs.close()
    process = SimpleNamespace(join=lambda: None, exitcode=-9)
    outcome = comparing_runs._answer(ours, process, None)
    assert (outcome.kind, outcome.reason[-2:]) == ("failed", "-9")


def test_final_losses_and_times_without_evaluations():
    rows = [{"step": 10 * k, "loss": float(k), "seconds": k**2 / 100} for k in range(1, 21)]
    assert final_loss(rows) == 15.5
    assert final_loss([*rows, {"step": 201, "loss": 0.0, "eval_loss": 7.0}]) == 7.0
    assert final_loss([]) is milliseconds(rows[:1]) is None
    assert milliseconds(rows) == pytest.approx(median(range(3, 40, 2)))


def test_curves_are_brought_together_where_all_have_rows():
    first = {step: float(step) for step in range(1, 2 * POINTS + 1)}
    second = dict.fromkeys([*first][: POINTS + 1], 2.0)
    steps, (a, b) = together([first, second])
    assert steps == a
    assert steps[:2] == [1.5, 3.5]
    assert set(b) == {2.0}
    assert together([]) == ([], [])


def test_the_page_takes_a_comparison_between_its_marks(whole, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    from lineage_page import filled

    page = (DOCS / "lineage.md").read_text()
    assert all(page.count(mark) == 1 for mark in ("<!-- copying -->", "<!-- end of copying -->"))
    once = filled(page, whole.out, tmp_path)
    assert (whole.out / "table.md").read_text() in once
    assert filled(once, whole.out, tmp_path) == once
    assert "### Adding" in once
    assert (tmp_path / "lineage-copying.png").exists()
    for name in models.names():
        assert f"`{name}`" in page, f"docs/lineage.md says nothing about {name}"
