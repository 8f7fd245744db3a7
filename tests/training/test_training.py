"""Settings, files and the loop, in process; the command line and real kills are in test_cli.py."""

import errno
import json
import os
import platform
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytensor
import pytest
from rich.console import Console

from unitarygraph import models, tasks
from unitarygraph.parameter import GROUPS
from unitarygraph.training import store
from unitarygraph.training.backends import mode_of
from unitarygraph.training.begin import prepare
from unitarygraph.training.curves import draw_curves
from unitarygraph.training.display import Progress, clock
from unitarygraph.training.loop import Interrupted, NotFinite, take_steps
from unitarygraph.training.options import Draft, from_document, resolve
from unitarygraph.training.process import StopRequest
from unitarygraph.training.program import Program
from unitarygraph.training.rules import RULES, Rule, companion_of, rule_options
from unitarygraph.training.run import execute
from unitarygraph.training.settings import TrainingOptions, may_resume
from unitarygraph.training.store import Checkpoint, MetricsLog, RunDirectory, read_rows
from unitarygraph.training.values import parse

# pip's PyTensor has no BLAS for its C code, which scan uses in FAST_COMPILE mode, and says so
pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")

SMALL = {"delay": 3, "length": 2, "batch": 4, "steps": 12, "log_every": 2, "checkpoint_every": 5}


def small(**more):
    assignments = SMALL | more
    model = assignments.pop("model", "tanh")
    return resolve("copying", model, 6, backend="python", assignments=assignments)


def begun(path, settings):
    run = RunDirectory(path)
    run.begin(settings)
    return run


class Silent(Progress):
    def __init__(self):
        super().__init__(Console(quiet=True), 1, None)


def trained(path, settings, program=None):
    with pytensor.config.change_flags(floatX=settings.dtype):
        run = RunDirectory(path)
        if not run.exists():
            run.begin(settings)
        program = program or Program(settings)
        return run, program, take_steps(program, run, Silent())


# settings


def test_keys_find_their_section_and_are_typed():
    settings = resolve(
        "copying",
        "lstm",
        assignments={"delay": "7", "forget_bias": "2", "learning_rate": "1e-2", "clip": "none",
                     "variable": "yes", "protocol": "arjovsky"},
    )  # fmt: skip
    assert settings.task_options["delay"] == 7
    assert settings.task_options["variable"] is True
    assert settings.task_options["protocol"] == "arjovsky"
    common = {"layers": 1, "bidirectional": False, "dropout": 0.0, "memory": "all"}
    assert settings.model_options == {"forget_bias": 2.0} | common
    assert settings.rules["other"].learning_rate == 0.01
    assert settings.training.clip is None


def test_defaults_user_over_task_over_model():
    assert TrainingOptions().clip is None
    assert resolve("digits", "tanh").training.clip == models.lookup("tanh").defaults["clip"]
    assert (
        resolve("digits", "tanh").training.eval_every
        == tasks.lookup("digits").defaults["eval_every"]
    )
    assert resolve("digits", "exprnn").rules["other"].learning_rate == 5e-4
    assert resolve("adding", "exprnn").rules["other"].learning_rate == 1e-3
    assert resolve("copying", "dtriv").model_options["M"] == 30
    assert resolve("adding", "dtriv").model_options["M"] == 100
    assert resolve("copying", "dtriv", assignments={"M": 7}).model_options["M"] == 7
    assert resolve("digits", "tanh", assignments={"clip": 3}).training.clip == 3.0


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (
            {"depth": "3"},
            r"no such option; valid are training: batch, .*; task: delay, .*; model",
        ),
        ({"delay": "long"}, r"--set delay: expected int, got 'long'"),
        ({"variable": "maybe"}, r"--set variable: expected bool, got 'maybe'"),
        ({"protocol": "henaff"}, r"expected one of exprnn, arjovsky, got 'henaff'"),
        ({"steps": 0}, r"steps must be at least 1, got 0"),
        ({"learning_rate": "-1"}, r"learning_rate must be positive and finite, got -1.0"),
        ({"optimizer": "tiger"}, r"optimizer: expected one of adadelta, .*, got 'tiger'"),
    ],
)
def test_wrong_assignments_are_refused_in_words(assignments, message):
    with pytest.raises(ValueError, match=message):
        resolve("copying", "tanh", assignments=assignments)


def test_a_key_claimed_twice_must_name_its_section(monkeypatch):
    monkeypatch.setattr(models, "options_of", lambda name: {"delay": 1})
    with pytest.raises(ValueError, match=r"write task\.delay or model\.delay"):
        resolve("copying", "tanh", assignments={"delay": 3})
    assert resolve("copying", "tanh", assignments={"task.delay": 3}).task_options["delay"] == 3


@pytest.mark.parametrize("optimizer", sorted(RULES))
@pytest.mark.parametrize("task", tasks.names())
def test_no_two_sections_share_a_key(task, optimizer):
    """But a few that are told apart by their sections: flat ones are training's, or refused."""
    shared = {"rho", "steps", "strength", "weight_decay"}
    for model in models.names():
        known = [
            *Draft(task, model, 6, "python", "float32").known.values(),
            rule_options(optimizer),
        ]
        keys = [key for section in known for key in section if key not in shared]
        assert len(keys) == len(set(keys)), (task, model, optimizer)


def rule(name, learning_rate, **options):
    defaults = {key: option.default for key, option in rule_options(name).items()}
    return Rule(name, learning_rate, defaults | options)


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_for_points_of_a_manifold_names_another_for_the_rest(name):
    companion = companion_of(name)
    assert companion is None or companion_of(companion) is None
    rules = resolve("copying", "tanh", assignments={"optimizer": name, "learning_rate": 0.5}).rules
    assert rules["orthogonal"] == rule(name, 0.05)
    assert rules["other"] == rules["phase"] == rule(companion or name, 0.5)


SPELLINGS = {
    "short": {"orthogonal_optimizer": "projunn", "orthogonal_learning_rate": "0.5", "rank": "3"},
    "sections": {"orthogonal.name": "projunn", "orthogonal.learning_rate": 0.5,
                 "orthogonal.rank": 3},
    "long": {"rules.orthogonal.rank": "3", "rules.orthogonal.learning_rate": "0.5",
             "rules.orthogonal.name": "projunn"},
    "mapping": {"orthogonal": {"name": "projunn", "learning_rate": 0.5, "rank": 3}},
    "nested": {"rules": {"orthogonal": {"name": "projunn", "learning_rate": 0.5, "rank": 3}}},
    "rule": {"orthogonal": Rule("projunn", 0.5, {"rank": 3})},
}  # fmt: skip


@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
def test_every_spelling_of_a_rule_is_the_same_rule(spelling):
    rules = resolve("copying", "exprnn", assignments=SPELLINGS[spelling]).rules
    assert rules["orthogonal"] == rule("projunn", 0.5, rank=3)
    assert rules["other"] == rules["phase"] == rule("rmsprop", 5e-4)


def test_a_group_that_is_not_spoken_of_takes_the_rule_of_all_others():
    rules = resolve("adding", "exprnn", assignments={"rho": 0.5, "orthogonal.epsilon": 0.1}).rules
    assert rules["other"] == rules["phase"] == rule("rmsprop", 1e-3, rho=0.5)
    assert rules["orthogonal"] == rule("rmsprop", 1e-4, rho=0.5, epsilon=0.1)
    # a paper's own rule stays where another is chosen for the rest, without the first one's options
    rules = resolve("adding", "scurnn", assignments={"optimizer": "sgd"}).rules
    assert rules["orthogonal"] == rule("rmsprop", 1e-4, rho=0.9)
    chosen = {"orthogonal_optimizer": "none", "phase_optimizer": "none"}
    rules = resolve("adding", "scurnn", assignments=chosen).rules
    assert rules["orthogonal"] == rule("adam", 1e-4)
    assert rules["phase"] == rule("adam", 1e-3)


def test_options_of_a_rule_are_its_own():
    """Not the number of training steps, nor what suited the rule that stood there before."""
    for task in tasks.names():
        rules = resolve(task, "tanh", assignments={"optimizer": "muon"}).rules
        assert rules["orthogonal"].options["steps"] == rule_options("muon")["steps"].default
    rules = resolve("adding", "urnn", assignments={"optimizer": "adadelta"}).rules
    assert rules["other"] == rule("adadelta", 1e-3)


def test_an_option_of_one_rule_goes_to_all_groups_that_take_it():
    assignments = {"orthogonal_optimizer": "rmsprop", "rho": "0.5"}
    rules = resolve("adding", "exprnn", assignments=assignments).rules
    assert {rules[group].options["rho"] for group in GROUPS} == {0.5}
    with pytest.raises(
        ValueError, match=r"--set rho: write rules\.other\.rho or rules\.orthogonal"
    ):
        resolve("adding", "fcurnn", assignments={"rho": "0.5"})


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        ({"orthogonal.rank": 3}, r"--set orthogonal\.rank: no such option; valid are training: "),
        (
            {"orthogonal_optimizer": "tiger"},
            r"--set orthogonal_optimizer: expected one of adadelta",
        ),
        ({"orthogonal": {"learning_rate": 0}}, "orthogonal_learning_rate must be positive and"),
        (
            {"phase_learning_rate": "x"},
            "--set phase_learning_rate: expected float or none, got 'x'",
        ),
        (
            {"learning_rate": 1, "rules.other.learning_rate": 2},
            "learning_rate and rules.other.learning_rate say the same: it is given twice",
        ),
        ({"steps": 1, "training.steps": 2}, "given twice"),
        ({"rules.third.rank": 3}, r"no such option; .*; rules\.phase: epsilon, learning_rate"),
    ],
)
def test_wrong_rules_are_refused_in_words(assignments, message):
    with pytest.raises(ValueError, match=message):
        resolve("copying", "exprnn", assignments=assignments)


def test_settings_survive_config_toml(tmp_path):
    settings = small(clip="none", orthogonal_learning_rate=0.1, optimizer="adam")
    run = begun(tmp_path / "run", settings)
    assert run.settings() == settings
    assert from_document(settings.document()).settings() == settings
    assert run.noted_versions()["numpy"] == np.__version__


def test_one_law_says_what_may_change_on_resume(tmp_path):
    old = small(minutes=5, optimizer="adam")
    free = {"log_every": 1, "eval_every": 3, "checkpoint_every": 2}
    for change in ({"steps": 13}, {"minutes": 6}, {"minutes": "none"}, free):
        may_resume(old, small(**{"minutes": 5, "optimizer": "adam"} | change), tmp_path)
    for change, said in (
        ({"steps": 11}, "steps may only grow, {} has 12, got 11"),
        ({"minutes": 4}, "minutes may only grow, {} has 5.0, got 4.0"),
        ({"batch": 3}, "{} has batch = 4, got 3"),
        ({"seed": 1}, "{} has seed = 0, got 1"),
        ({"blas_threads": 2}, "{} has blas_threads = 1, got 2"),
        ({"delay": 4}, "{} has delay = 3, got 4"),
        ({"model": "lstm"}, "{} has model = tanh, got lstm"),
        ({"optimizer": "sgd"}, "{} has optimizer = adam, got sgd"),
        ({"orthogonal_learning_rate": 1}, "{} has orthogonal_learning_rate = 0.0001, got 1.0"),
        ({"orthogonal.beta1": 0.5}, "{} has orthogonal.beta1 = 0.9, got 0.5"),
    ):
        with pytest.raises(ValueError) as error:
            may_resume(old, small(**{"minutes": 5, "optimizer": "adam"} | change), tmp_path)
        assert str(error.value) == f"--resume: {said.format(tmp_path)}"
    with pytest.raises(ValueError, match=r"minutes may only grow, .* has none, got 9"):
        may_resume(small(), small(minutes=9), tmp_path)


@pytest.mark.parametrize(
    ("text", "hint", "value"),
    [
        ("none", float | None, None),
        ("3", float | None, 3.0),
        ("3", int | str, 3),
        ("x", int | str, "x"),
    ],
)
def test_union_types(text, hint, value):
    assert parse("key", text, hint) == value


def test_missing_backend_names_the_extra(monkeypatch):
    monkeypatch.setattr("unitarygraph.training.backends.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"backend jax needs .* \"unitarygraph\[jax\]\""):
        mode_of("jax")
    with pytest.raises(
        ValueError, match="backend: expected one of kernels, numba, jax, pytorch, c"
    ):
        mode_of("tpu")


# files


def checkpoint():
    rng = np.random.default_rng(4)
    values = {
        "matrix": np.asfortranarray(rng.standard_normal((3, 4))),
        "scalar": np.float32(2.5) * np.ones(()),
        "count": np.array(7),
        "none": np.zeros((0, 2), "float32"),
        "generator": rng,
    }
    return Checkpoint(9, 1.25, values, {"rng": rng.bit_generator.state, "position": 3})


def assert_same_values(first, second):
    assert set(first) == set(second)
    for name, value in first.items():
        if isinstance(value, np.random.Generator):
            assert value.bit_generator.state == second[name].bit_generator.state
        else:
            assert value.dtype == second[name].dtype
            assert np.array_equal(value, second[name]), name


def test_checkpoint_round_trip(tmp_path):
    before = checkpoint()
    before.save(tmp_path / "state")
    after = Checkpoint.load(tmp_path / "state")
    assert_same_values(before.values, after.values)
    assert (after.step, after.seconds, after.stream) == (9, 1.25, before.stream)


@pytest.mark.parametrize("content", [b"", b"no tensors here", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_file_that_is_no_checkpoint_is_named(tmp_path, content):
    path = tmp_path / "state"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=str(path)):
        Checkpoint.load(path)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch, failing):
    path = tmp_path / "state"
    old = checkpoint()
    old.save(path)

    def fail(*arguments):
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(store.os, failing, fail)
    with pytest.raises(OSError, match="no space left"):
        Checkpoint(10, 2.0, {"matrix": np.ones(5)}, {}).save(path)
    monkeypatch.undo()
    assert Checkpoint.load(path).step == old.step
    assert_same_values(old.values, Checkpoint.load(path).values)
    assert os.listdir(tmp_path) == ["state"]


def test_a_write_is_flushed_before_it_takes_the_name(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            store.os, name, lambda *a, real=real, name=name: (calls.append(name), real(*a))[1]
        )
    store.write_atomically(tmp_path / "file", b"content")
    assert calls == ["fsync", "replace", "fsync"]
    assert (tmp_path / "file").read_bytes() == b"content"


def test_metrics_are_cut_back_and_survive_a_half_written_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(path)
    for step in (1, 5, 10):
        log.append({"step": step, "loss": 1 / step, "unitarity": None})
    log.close()
    with open(path, "a") as file:
        file.write('{"step": 15, "lo')
    assert [row["step"] for row in read_rows(path)] == [1, 5, 10]
    log = MetricsLog(path, keep_to=5)
    log.append({"step": 6, "loss": 0.5, "unitarity": 0.0})
    log.close()
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 5, 6]


def test_metrics_refuse_what_json_cannot_hold(tmp_path):
    log = MetricsLog(tmp_path / "metrics.jsonl")
    with pytest.raises(ValueError):
        log.append({"step": 1, "loss": float("nan")})
    log.close()


def test_run_directories_are_not_overwritten_unasked(tmp_path):
    run = begun(tmp_path / "run", small())
    run.begin(small())  # nothing to lose before the first checkpoint
    run.checkpoint.touch()
    (run.path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="--resume continues it, --force begins anew"):
        run.begin(small())
    run.metrics.write_text('{"step": 1}\n')
    run.begin(small(), force=True)
    assert not run.metrics.exists()
    assert (run.path / "notes.txt").read_text() == "mine"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("years")
    with pytest.raises(FileExistsError, match="is not empty and holds no run"):
        RunDirectory(tmp_path / "other").begin(small())
    with pytest.raises(FileNotFoundError, match="holds no run"):
        RunDirectory(tmp_path / "nowhere").settings()


# the compiled program


def test_compiling_changes_nothing():
    settings = small()
    with pytensor.config.change_flags(floatX="float32"):
        warm, cold = Program(settings), Program(settings)
        warm.compile()
        assert_same_values({p.name: p.get_value() for p in cold.model.params},
                           {p.name: p.get_value() for p in warm.model.params})  # fmt: skip
        assert warm.stream.state() == cold.stream.state()
        assert all(not v.any() for k, v in warm.values().items() if "rmsprop" in k)


def test_evaluation_is_the_mean_over_all_sequences():
    settings = resolve("digits", "tanh", 5, "python", assignments={"batch": 100})
    with pytensor.config.change_flags(floatX="float32"):
        program = Program(settings)
        scalars = program.evaluate()
        x, y = next(program.task.evaluation_batches(1000, "float32"))
    p = {v.name: v.get_value().astype("float64") for v in program.model.params}
    h = np.zeros((x.shape[1], 5))
    for x_t in x:
        h = np.tanh(h @ p["W"] + x_t @ p["V"] + p["b"])
    scores = h @ p["U"] + p["c"]
    nll = np.log(np.exp(scores).sum(1)) - scores[np.arange(len(y)), y]
    assert scalars["loss"] == pytest.approx(nll.mean(), rel=1e-5)
    assert scalars["accuracy"] == pytest.approx((scores.argmax(1) == y).mean())


def test_unitarity_is_that_of_the_complex_matrix():
    w = np.array([[1, 0], [0, 2j]])
    unitary = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6, 2)) @ [1, 1j])[0]

    def of(*matrices):
        model = SimpleNamespace(recurrent_matrices=lambda: matrices)
        return Program.unitarity(SimpleNamespace(model=model))

    assert of(w) == of(unitary, w) == pytest.approx(3.0)
    assert of(unitary) < 1e-14
    assert of() is None


def test_groups_take_their_own_rules_and_learning_rates():
    rates = {"learning_rate": 0.1, "orthogonal_learning_rate": 0.02, "phase_learning_rate": 0.3}
    settings = small(optimizer="sgd", phase_optimizer="momentum", clip="none", **rates)
    assert settings.rules["phase"].name == "momentum"
    with pytensor.config.change_flags(floatX="float32"):
        program = Program(settings)
        named = {p.name: p for p in program.model.params}
        named["W"].tag.group, named["b"].tag.group = "orthogonal", "phase"
        moved = moves(program)
        plain = moves(Program(settings))
    # the first step of momentum is one of sgd
    factors = {"W": 0.2, "b": 3.0}
    for name, move in moved.items():
        factor = factors.get(name, 1.0)
        np.testing.assert_allclose(move, factor * plain[name], rtol=1e-3, atol=1e-7)


def moves(program):
    before = {p.name: p.get_value() for p in program.model.params}
    program.step(*next(program.task.batches(0, 4, "float32")))
    return {p.name: p.get_value() - before[p.name] for p in program.model.params}


def test_states_that_do_not_fit_are_refused():
    with pytensor.config.change_flags(floatX="float32"):
        program = Program(small())
        values = program.values()
    name = next(iter(values))
    with pytest.raises(ValueError, match="expected the variables"):
        program.restore({name: values[name]})
    with pytest.raises(ValueError, match=f"{name} must be .* of shape"):
        program.restore(values | {name: np.zeros(3, "float32")})


# the loop


def final(run):
    return Checkpoint.load(run.checkpoint)


def without_seconds(rows):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_rows_and_checkpoints_of_a_run(tmp_path):
    run, program, rows = trained(tmp_path / "run", small(eval_every=6))
    assert rows == read_rows(run.metrics)
    assert [row["step"] for row in rows] == [1, 2, 4, 6, 8, 10, 12]
    assert [row["step"] for row in rows if "eval_loss" in row] == [6, 12]
    for row in rows:
        assert {"step", "loss", "accuracy", "unitarity", "seconds"} <= set(row)
    assert [row["seconds"] for row in rows] == sorted(row["seconds"] for row in rows)
    state = final(run)
    assert state.step == 12
    assert {p.name for p in program.model.params} < set(state.values)
    assert rows[-1]["unitarity"] == pytest.approx(program.unitarity())


@pytest.mark.parametrize("task", ["copying", "digits"])
def test_resuming_is_bit_for_bit_the_uninterrupted_run(tmp_path, task, monkeypatch):
    assignments = dict(SMALL) if task == "copying" else {"batch": 500, "steps": 12, "log_every": 2,
                                                         "checkpoint_every": 5}  # fmt: skip
    settings = resolve(task, "tanh", 6, backend="python", assignments=assignments)
    whole, _, rows = trained(tmp_path / "whole", settings)
    run = begun(tmp_path / "parts", settings)
    for broken_at in (3, 8):  # in the first interval, and between two checkpoints
        program = Program(settings)
        real, left = program.step, [broken_at]

        def step(*batch, real=real, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise RuntimeError("power cut")
            return real(*batch)

        monkeypatch.setattr(program, "step", step)
        with pytest.raises(RuntimeError, match="power cut"):
            trained(run.path, settings, program)
    _, _, resumed = trained(run.path, settings)
    assert final(run).stream == final(whole).stream
    assert_same_values(final(run).values, final(whole).values)
    assert without_seconds(resumed) == without_seconds(rows)


@pytest.mark.parametrize("readings", [0, 1, 2, 3])
def test_a_stop_asked_for_at_any_moment_is_saved(tmp_path, monkeypatch, readings):
    """Also between two readings of the request."""

    class Asked(StopRequest):
        count = 0

        def __getattribute__(self, name):
            if name != "signal":
                return super().__getattribute__(name)
            Asked.count += 1
            return signal.SIGINT if Asked.count > readings else None

    monkeypatch.setattr("unitarygraph.training.loop.StopRequest", Asked)
    with pytest.raises(Interrupted) as stopped:
        trained(tmp_path / "run", small(checkpoint_every=100))
    reached = Checkpoint.load(RunDirectory(tmp_path / "run").checkpoint).step
    assert str(stopped.value) == f"stopped after step {reached}"
    assert reached > 0


def test_nan_stops_and_leaves_the_last_good_checkpoint(tmp_path):
    settings = small()
    program = Program(settings)
    real, made = program.step, [0]

    def step(*batch):
        values = real(*batch)
        made[0] += 1
        if made[0] == 8:
            first = program.model.params[0]
            first.set_value(np.full_like(first.get_value(), np.nan))
        return values

    program.step = step
    with pytest.raises(NotFinite, match=r"W is NaN or infinite at step 8; .* of step 5"):
        trained(tmp_path / "run", settings, program)
    run = RunDirectory(tmp_path / "run")
    assert final(run).step == 5
    assert all(np.isfinite(value).all() for value in final(run).values.values())
    assert str(run.checkpoint) in str(NotFinite("loss", 8, run, 5))
    assert max(row["step"] for row in read_rows(run.metrics)) < 8


def test_the_first_row_has_the_loss_of_the_initial_values(tmp_path):
    settings = small(steps=1)
    _, _, rows = trained(tmp_path / "run", settings)
    program = Program(settings)
    inputs = program.task.inputs("float32", 4)
    loss = program.task.loss(program.model(inputs[0]), *inputs[1:])
    value = pytensor.function(inputs, loss, mode="FAST_COMPILE")(*next(program.stream))
    assert rows[0]["loss"] == pytest.approx(float(value), rel=1e-6)


# what people see


def test_plain_progress_names_everything(tmp_path):
    settings = small()
    console = Console(record=True, width=200, force_terminal=False, file=open(os.devnull, "w"))  # noqa: SIM115
    execute(begun(tmp_path / "run", settings), prepare(settings), console)
    text = console.export_text()
    assert "compiling tanh for copying (" in text
    assert "hidden units, python), " in text
    assert "compiled in" in text
    for word in ("step 12/12", "loss", "baseline", "accuracy", "unitarity", "steps/s", "left"):
        assert word in text
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")
    console.file.close()


def test_live_progress_on_a_terminal():
    console = Console(record=True, width=200, force_terminal=True, file=open(os.devnull, "w"))  # noqa: SIM115
    progress = Progress(console, 10, 0.5)
    with progress.training(0):
        progress.row({"step": 1, "loss": 0.25, "unitarity": None})
        progress.step(10)
    assert "step 10/10  loss 2.500e-01  baseline 5.000e-01" in console.export_text()
    console.file.close()


def test_clock():
    assert [clock(s) for s in (5, 65, 3661, float("inf"))] == ["0:05", "1:05", "1:01:01", "?"]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"step": 1, "loss": 0.0, "unitarity": None}],
        [{"step": 1, "loss": 1.0, "accuracy": 0.1, "unitarity": 0.0, "eval_loss": 2.0}],
    ],
)
def test_curves_of_any_rows(tmp_path, rows):
    draw_curves(tmp_path / "curves.png", rows, "a title", 0.5)
    assert (tmp_path / "curves.png").stat().st_size > 5000


def test_optimizer_options_leave_out_what_every_rule_takes():
    assert not {"loss_or_grads", "params", "learning_rate"} & set(rule_options("adam"))


def test_text_gives_numbers_where_python_may_give_variables():
    assert rule_options("adam")["beta1"].read("beta1", "0.5") == 0.5
    assert rule_options("projunn")["rng"].read("rng", "3") == 3
    with pytest.raises(ValueError, match="beta1: expected float, got 'much'"):
        rule_options("adam")["beta1"].read("beta1", "much")


KEPT = """
import resource
import numpy as np
from unitarygraph.training.process import keep_freed_memory

assert keep_freed_memory()
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a matter of glibc")
def test_freed_memory_is_kept_for_the_next_step():
    run = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True)
    # 64 MiB are 16384 pages; a process touches a few for other reasons.
    assert int(run.stdout) < 200
