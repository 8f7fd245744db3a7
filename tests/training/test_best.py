"""The best checkpoint and early stopping, with a program compiled once."""

import dataclasses

import numpy as np
import pytest
from rich.console import Console

import unitarygraph as ug
from unitarygraph.training import loop
from unitarygraph.training.best import best_of, stopped_early
from unitarygraph.training.program import Program
from unitarygraph.training.run import execute
from unitarygraph.training.settings import TrainingOptions, may_resume
from unitarygraph.training.store import Checkpoint, RunDirectory, read_rows

# pip's PyTensor has no BLAS for its C code, which scan uses in FAST_COMPILE mode, and says so
pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")

OPTIONS = {"delay": 3, "length": 2, "batch": 4, "steps": 40, "log_every": 3, "eval_every": 2,
           "checkpoint_every": 7, "patience": 3, "learning_rate": 0.3}  # fmt: skip


class Kill(BaseException):
    """What ends a process at once, as far as the files can tell."""


@pytest.fixture(scope="module")
def trainee(trainee_of):
    return trainee_of(OPTIONS)


@pytest.fixture(scope="module")
def whole(trainee, tmp_path_factory):
    return trainee.run(tmp_path_factory.mktemp("best") / "whole")


def content(files):
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in read_rows(files.metrics)]
    states = [Checkpoint.load(path) for path in (files.checkpoint, files.best)]
    return rows, [(s.step, s.stream, {k: v.tobytes() for k, v in s.values.items()}) for s in states]


def test_it_stops_after_so_many_evaluations_and_keeps_the_best(whole):
    rows = read_rows(whole.metrics)
    losses = {row["step"]: row["eval_loss"] for row in rows if "eval_loss" in row}
    best = min(losses, key=losses.get)
    assert rows[-1]["step"] == best + 2 * 3 < 40
    assert Checkpoint.load(whole.checkpoint).step == rows[-1]["step"]
    assert Checkpoint.load(whole.best).step == best
    run = ug.load(whole.path)
    assert run.stopped_early
    assert run.best == next(row for row in rows if row["step"] == best)
    values = Checkpoint.load(whole.best).values
    assert all(np.array_equal(p.get_value(), values[p.name]) for p in run.best_model.params)
    assert not np.array_equal(run.model.params[0].get_value(), run.best_model.params[0].get_value())


@pytest.mark.parametrize("at", [3, 8, 11])
def test_killed_in_a_step_and_resumed_it_is_the_undisturbed_run(
    trainee, whole, tmp_path, monkeypatch, at
):
    real, made = Program.step, []

    def step(program, *batch):
        made.append(batch)
        if len(made) == at:
            raise Kill
        return real(program, *batch)

    monkeypatch.setattr(Program, "step", step)
    with pytest.raises(Kill):
        trainee.run(tmp_path / "run")
    assert content(trainee.run(tmp_path / "run")) == content(whole)


def test_killed_between_the_two_checkpoints_it_is_the_undisturbed_run(
    trainee, whole, tmp_path, monkeypatch
):
    def kill(path, content):
        raise Kill

    with monkeypatch.context() as patch:
        patch.setattr(loop, "write_atomically", kill)
        with pytest.raises(Kill):
            trainee.run(tmp_path / "run")
    files = RunDirectory(tmp_path / "run")
    assert Checkpoint.load(files.checkpoint).step == 2
    assert not files.best.exists()
    assert content(trainee.run(tmp_path / "run")) == content(whole)


def test_a_run_that_stopped_early_stays_so_and_says_it(trainee, tmp_path):
    files = trainee.run(tmp_path / "run")
    before = content(files)
    console = Console(record=True, width=200)
    execute(files, trainee.program, console)
    last, best = before[0][-1]["step"], before[1][1][0]
    assert (
        f"stopped early at step {last}: no better eval_loss in 3 evaluations since step {best} "
        "(patience 3); a larger patience goes on" in console.export_text()
    )
    assert content(files) == before
    more = trainee.run(tmp_path / "run", patience=5)
    assert Checkpoint.load(more.checkpoint).step > last
    settings = trainee.settings
    for patience, allowed in ((4, True), (None, True), (2, False)):
        training = dataclasses.replace(settings.training, patience=patience)
        new = dataclasses.replace(settings, training=training)
        if allowed:
            may_resume(settings, new, files.path)
        else:
            with pytest.raises(ValueError, match=r"patience may only grow, .* has 3, got 2"):
                may_resume(settings, new, files.path)


def test_without_keep_best_there_is_none(trainee, tmp_path):
    files = trainee.run(tmp_path / "run", keep_best=False, steps=2)
    assert not files.best.exists()
    with pytest.raises(FileNotFoundError, match="has no best checkpoint"):
        ug.load(files.path).best_model  # noqa: B018


ROWS = [{"step": k, "loss": 0.0, "eval_loss": a, "eval_accuracy": b} for k, a, b in
        [(1, 3.0, 0.1), (2, 1.0, 0.3), (3, 1.0, 0.5), (4, 2.0, 0.2)]]  # fmt: skip


@pytest.mark.parametrize(
    ("monitor", "mode", "step", "since"),
    [("loss", "auto", 2, 2), ("accuracy", "auto", 3, 1), ("loss", "max", 1, 3),
     ("accuracy", "min", 1, 3)],
)  # fmt: skip
def test_smallest_or_largest_and_the_first_of_equals(monitor, mode, step, since):
    training = TrainingOptions(eval_every=1, patience=since, monitor=monitor, monitor_mode=mode)
    best = best_of([{"step": 0, "loss": 9.0}, *ROWS], training)
    assert (best.step, best.evaluations_since) == (step, since)
    assert stopped_early(ROWS, training) is not None
    assert stopped_early(ROWS[:-1], training) is None
    assert best_of([], training) is None


def test_what_cannot_be_is_refused(trainee, monkeypatch):
    with pytest.raises(ValueError, match="patience must be at least 1, or none, got 0"):
        TrainingOptions(patience=0, eval_every=1)
    with pytest.raises(ValueError, match="patience counts evaluations: expected eval_every of at"):
        TrainingOptions(patience=1)
    training = dataclasses.replace(trainee.settings.training, monitor="acuracy")
    settings = dataclasses.replace(trainee.settings, training=training)
    monkeypatch.setattr(trainee.program, "settings", settings)
    with pytest.raises(ValueError, match="monitor: expected one of loss, accuracy, got 'acuracy'"):
        trainee.program.compile_evaluation()
