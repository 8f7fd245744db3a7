"""The command line as a user meets it, killed and interrupted from outside where that matters."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from unitarygraph.cli import app
from unitarygraph.training.store import Checkpoint, RunDirectory, read_rows

# pip's PyTensor has no BLAS for its C code, which scan uses in FAST_COMPILE mode, and says so
pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")

TINY = ["--model", "tanh", "--hidden", "6", "--backend", "python"]
SETS = ["--set", "delay=3", "--set", "length=2", "--set", "batch=4"]


def call(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "160"})


def train(out, *arguments, steps=6, sets=SETS):
    return call("train", "copying", *TINY, "--steps", steps, *sets, "--out", out, *arguments)


def test_a_run_and_all_that_can_be_asked_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = Path("runs/x")
    done = train(out, "--seed", 3)
    assert done.exit_code == 0, done.output
    run = RunDirectory(out)
    for path in (run.config, run.metrics, run.checkpoint, run.curves):
        assert path.exists()
        assert str(path.name) in done.output
    for word in ("loss", "baseline", "loss / baseline", "accuracy", "unitarity", "seconds", "%"):
        assert word in done.output
    assert run.settings().training.seed == 3
    last = read_rows(run.metrics)[-1]

    evaluated = call("evaluate", out)
    assert evaluated.exit_code == 0, evaluated.output
    assert f"{last['eval_loss']:.4g}" in evaluated.output
    assert f"{last['eval_accuracy']:.2%}" in evaluated.output

    picture = run.curves.read_bytes()
    run.curves.unlink()
    other = Path("runs/y")
    assert train(other).exit_code == 0
    reported = call("report", out, other)
    assert reported.exit_code == 0, reported.output
    assert run.curves.read_bytes() == picture
    assert f"{last['loss']:.4g}" in reported.output
    assert str(other) in reported.output

    again = train(out)
    assert again.exit_code == 2
    assert "--resume continues it, --force begins anew" in again.output
    assert train(out, "--force").exit_code == 0
    assert run.settings().training.seed == 0


def test_accuracies_by_length_are_in_the_metrics_and_in_what_is_printed(tmp_path):
    sets = ["--set", "length=3", "--set", "evaluation_lengths=3 8", "--set", "batch=300"]
    done = call("train", "parity", *TINY, "--steps", 2, *sets, "--out", tmp_path / "x")
    assert done.exit_code == 0, done.output
    last = read_rows(RunDirectory(tmp_path / "x").metrics)[-1]
    evaluated = call("evaluate", tmp_path / "x")
    for name in ("3", "8"):
        for output in (done.output, evaluated.output):
            assert f"evaluation accuracy {name}" in output
            assert f"{last[f'eval_accuracy_{name}']:.2%}" in output
    assert "eval_loss_8" not in last


def test_same_seed_same_run_other_seed_another(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert train(tmp_path / name, "--seed", seed).exit_code == 0
    a, b, c = (losses(tmp_path / name) for name in "abc")
    assert a == b
    assert a != c


def losses(path):
    return [row["loss"] for row in read_rows(RunDirectory(path).metrics)]


def test_a_finished_run_can_be_given_more_steps(tmp_path):
    assert train(tmp_path / "long", steps=20).exit_code == 0
    assert train(tmp_path / "short", steps=8).exit_code == 0
    refused = train(tmp_path / "short", "--resume", steps=7)
    assert refused.exit_code == 2
    assert "steps may only grow" in refused.output
    more = train(tmp_path / "short", "--resume", steps=20)
    assert more.exit_code == 0, more.output
    assert_same_state(tmp_path / "long", tmp_path / "short")
    assert RunDirectory(tmp_path / "short").settings().training.steps == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "9"], "has seed = 0, got 9"),
        (["--model", "lstm"], "has model = tanh, got lstm"),
        (["--set", "learning_rate=1"], "has learning_rate = 0.001, got 1.0"),
        (["--set", "optimizer=adam"], "has optimizer = rmsprop, got adam"),
        (["--force"], "--resume and --force exclude each other"),
    ],
)
def test_resume_refuses_another_run(tmp_path, arguments, message):
    out = tmp_path / "x"
    assert train(out).exit_code == 0
    done = call("train", "copying", "--out", out, "--resume", *arguments)
    assert done.exit_code == 2
    assert message in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["sorting"],
            "task: expected one of adding, cifar10, cifar100, copying, csv, digits, ",
        ),
        (["copying", "--model", "gpt"], "model: expected one of"),
        (
            ["copying", "--model", "tanh", "--set", "depth=2"],
            "depth: no such option; valid are",
        ),
        (
            ["copying", "--model", "tanh", "--set", "delay"],
            "expected KEY=VALUE, got 'delay'",
        ),
        (
            ["copying", "--model", "tanh", "--steps", "3", "--set", "steps=4"],
            "steps is given twice",
        ),
        (["copying", "--model", "tanh", "--backend", "tpu"], "backend: expected one of kernels"),
        (["copying", "--model", "tanh", "--dtype", "half"], "dtype: expected one of float32"),
        (["copying", "--model", "tanh", "--resume"], "holds no run"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_nothing(tmp_path, arguments, message):
    done = call("train", *arguments, "--out", tmp_path / "x")
    assert done.exit_code == 2
    assert message in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert not (tmp_path / "x").exists()


def test_lists():
    tasks = call("list", "tasks").output
    assert all(word in tasks for word in ("copying", "delay=100", "protocol=exprnn", "digits"))
    models = call("list", "models").output
    assert all(word in models for word in ("lstm", "forget_bias=1.0", "tanh"))
    assert call("list", "optimisers").exit_code == 2


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_nan_ends_with_the_step_and_the_last_good_checkpoint(tmp_path):
    out = tmp_path / "x"
    wild = ["--set", "learning_rate=1e38", "--set", "optimizer=sgd", "--set", "clip=none"]
    done = train(out, *wild, steps=50)
    assert done.exit_code == 3, done.output
    assert "is NaN or infinite at step" in done.output
    run = RunDirectory(out)
    assert str(run.checkpoint) in done.output
    assert all(np.isfinite(v).all() for v in Checkpoint.load(run.checkpoint).values.values())
    for line in run.metrics.read_text().splitlines():
        assert np.isfinite(json.loads(line)["loss"])
    assert run.curves.exists()


def test_a_missing_extra_is_named(tmp_path):
    code = "import sys; sys.modules['typer'] = None; import unitarygraph.cli"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'pip install "unitarygraph[train]"' in done.stderr


def test_importing_the_library_needs_none_of_the_extra():
    code = "import sys, unitarygraph; print([m for m in sys.argv[1:] if m in sys.modules])"
    extras = ["typer", "rich", "matplotlib", "safetensors", "sklearn", "tomli_w"]
    done = subprocess.run([sys.executable, "-c", code, *extras], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


# stopped from outside


STEPS = 200


def start(out, *arguments):
    command = [sys.executable, "-W", "ignore", "-m", "unitarygraph.cli", "train", "copying", *TINY]
    every = ["--set", "checkpoint_every=3", "--set", "log_every=1", "--set", "eval_every=40"]
    more = ["--steps", str(STEPS), *SETS, *every, "--out", str(out), *arguments]
    return subprocess.Popen(
        [*command, *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait_for(process, condition):
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return process


def rows_reach(run, step):
    return lambda: any(row["step"] >= step for row in read_rows(run.metrics)[-1:])


def assert_same_state(first, second):
    runs = RunDirectory(first), RunDirectory(second)
    for which in ("checkpoint", "best"):
        a, b = (Checkpoint.load(getattr(run, which)) for run in runs)
        assert a.step == b.step
        assert a.stream == b.stream
        assert set(a.values) == set(b.values)
        for name in a.values:
            assert np.array_equal(a.values[name], b.values[name]), name


def test_killed_twice_and_interrupted_it_ends_like_the_undisturbed_run(tmp_path):
    undisturbed, disturbed = RunDirectory(tmp_path / "a"), RunDirectory(tmp_path / "b")
    whole = start(undisturbed.path)
    output, _ = whole.communicate(timeout=300)
    assert whole.returncode == 0, output

    # SIGKILL in the middle of a step
    process = wait_for(start(disturbed.path), rows_reach(disturbed, 10))
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    reached = Checkpoint.load(disturbed.checkpoint).step
    assert 9 <= reached < STEPS

    # SIGKILL in the middle of writing a checkpoint: its temporary file is there
    half = disturbed.checkpoint.with_name(f".{disturbed.checkpoint.name}.tmp")
    for _ in range(5):
        seen = reached + 10
        process = wait_for(start(disturbed.path, "--resume"), rows_reach(disturbed, seen))
        wait_for(process, half.exists)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        reached = Checkpoint.load(disturbed.checkpoint).step
        if half.exists():
            break
    assert half.exists(), "no kill fell into a write"
    assert seen - 3 <= reached < STEPS

    # Ctrl-C
    process = wait_for(start(disturbed.path, "--resume"), rows_reach(disturbed, reached + 10))
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate()
    assert process.returncode == 130, output
    assert "--resume" in output
    state = Checkpoint.load(disturbed.checkpoint)
    assert read_rows(disturbed.metrics)[-1]["step"] == state.step < STEPS

    process = start(disturbed.path, "--resume")
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert_same_state(undisturbed.path, disturbed.path)
    assert not half.exists()
    first, second = (
        [{k: v for k, v in row.items() if k != "seconds"} for row in read_rows(run.metrics)]
        for run in (undisturbed, disturbed)
    )
    assert first == second
    assert [row["step"] for row in first] == list(range(1, STEPS + 1))
