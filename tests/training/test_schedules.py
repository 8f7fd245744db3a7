"""Learning-rate schedules of a run: against the symbolic ones, in the metrics, in the updates."""

import dataclasses
from functools import partial

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import unitarygraph as ug
from unitarygraph.training.program import Program
from unitarygraph.training.rules import RULES, Rule
from unitarygraph.training.schedule import factor, is_constant
from unitarygraph.training.settings import ENDLESS, TrainingOptions, may_resume
from unitarygraph.training.store import Checkpoint, read_rows
from unitarygraph.updates import schedules

# pip's PyTensor has no BLAS for its C code, which scan uses in FAST_COMPILE mode, and says so
pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")

OPTIONS = {"delay": 3, "length": 2, "batch": 4, "steps": 14, "log_every": 1, "eval_every": 2,
           "checkpoint_every": 5, "learning_rate": 3.0, "optimizer": "sgd", "schedule": "plateau",
           "decay_every": 1, "decay_factor": 0.5, "warmup": 3}  # fmt: skip


@pytest.fixture(scope="module")
def trainee(trainee_of):
    return trainee_of(OPTIONS)


def warm(t, w):
    return 1 if w == 0 else schedules.warmup(t, w)


SYMBOLIC = {
    "constant": lambda t, w: schedules.constant(t, 1.0) * warm(t, w),
    "step": lambda t, w: schedules.staircase(t, 1.0, range(4, 20, 4), 0.3) * warm(t, w),
    "milestones": lambda t, w: schedules.staircase(t, 1.0, [2, 7, 11], 0.3) * warm(t, w),
    "exponential": lambda t, w: 0.3 ** (t / 4.0) * warm(t, w),
    "cosine": lambda t, w: schedules.cosine(t - w, 1.0, 16 - w, 0.1) * warm(t, w),
}


@pytest.mark.parametrize("warmup", [0, 5])
def test_factors_are_those_of_the_symbolic_schedules(warmup):
    t = pt.lscalar()
    outputs = [schedule(t, warmup) for schedule in SYMBOLIC.values()]
    f = pytensor.function([t], outputs, mode="FAST_COMPILE")
    for step in range(1, 20):
        found = [
            factor(
                TrainingOptions(
                    steps=16, schedule=name, warmup=warmup, decay_every=4, decay_factor=0.3,
                    end_factor=0.1, decay_at="2 7, 11",
                ),
                step,
                [],
            )
            for name in SYMBOLIC
        ]  # fmt: skip
        np.testing.assert_allclose(found, np.array(f(step - 1), dtype=float), rtol=1e-14)


def test_the_rates_of_a_plateau_are_in_the_metrics_and_follow_the_evaluations(trainee, tmp_path):
    rows = read_rows(trainee.run(tmp_path / "run").metrics)
    best, drops, seen = np.inf, 0, set()
    for row in rows:
        rate = 3.0 * min(row["step"] / 3, 1) * 0.5**drops
        assert row["learning_rate"] == pytest.approx(rate, rel=1e-14)
        seen.add(drops)
        if "eval_loss" in row:
            drops += row["eval_loss"] >= best
            best = min(best, row["eval_loss"])
    assert len(seen) > 2
    assert Checkpoint.load(ug.load(tmp_path / "run").files.checkpoint).step == 14


def test_stopped_and_resumed_it_is_the_undisturbed_run(trainee, tmp_path, monkeypatch):
    real, made = Program.step, []

    def step(program, *batch):
        made.append(batch)
        if len(made) == 9:
            raise SystemExit
        return real(program, *batch)

    whole = trainee.run(tmp_path / "whole")
    monkeypatch.setattr(Program, "step", step)
    with pytest.raises(SystemExit):
        trainee.run(tmp_path / "parts")
    parts = trainee.run(tmp_path / "parts")
    a, b = (Checkpoint.load(run.checkpoint) for run in (whole, parts))
    assert {k: v.tobytes() for k, v in a.values.items()} == {
        k: v.tobytes() for k, v in b.values.items()
    }
    rows = [[{**row, "seconds": 0} for row in read_rows(run.metrics)] for run in (whole, parts)]
    assert rows[0] == rows[1]


def test_the_factor_reaches_the_updates_of_the_compiled_step(trainee):
    program, (values, _) = trainee.program, trainee.first
    batch = next(program.task.batches(np.random.default_rng(0), 4, "float32"))
    moved = {}
    for f in (1.0, 0.5, 0.125):
        program.restore(values)
        assert program.schedule(f) == {"learning_rate": 3.0 * f}
        program.step(*batch)
        moved[f] = {p.name: p.get_value() - values[p.name] for p in program.model.params}
    for name, whole in moved[1.0].items():
        assert np.abs(whole).max() > 1e-4
        for f in (0.5, 0.125):
            np.testing.assert_allclose(moved[f][name], f * whole, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_takes_a_factor_of_its_rate(name):
    spaces = {
        "muon": None,
        "sgd_g": ug.manifolds.Oblique("real"),
        "adam_g": ug.manifolds.Oblique("real"),
    }
    space = spaces.get(name, ug.manifolds.Unitary("real"))
    W = ug.parameter(np.eye(3, dtype="float32"), name="W", manifold=space)
    rate = pytensor.shared(np.asarray(0.5), name="factor")
    updates = Rule(name, 0.1)([(W**2).sum() * pt.ones_like(W)], [W], factor=rate)
    assert rate in pytensor.graph.traversal.ancestors([updates[W]])
    assert updates[W].type.dtype == "float32"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decay_factor": 1.5}, "decay_factor must be above 0, at most 1, got 1.5"),
        ({"end_factor": -1.0}, "end_factor must be between 0 and 1, got -1.0"),
        ({"decay_every": 0}, "decay_every must be at least 1, got 0"),
        ({"schedule": "milestones"}, "milestones: expected numbers of steps in decay_at.*got none"),
        ({"schedule": "milestones", "decay_at": "5 ten"}, "decay_at: expected numbers.*'5 ten'"),
        ({"decay_at": "0"}, "decay_at: expected numbers of steps.*'0'"),
        ({"schedule": "plateau"}, "plateau looks at evaluations: expected eval_every of at least"),
        ({"schedule": "cosine", "warmup": 600}, "expected more steps than warmup = 600, got 600"),
        ({"schedule": "cosine", "steps": ENDLESS}, "a run without steps needs schedule_steps"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TrainingOptions(**options)


def test_what_decided_past_rates_may_not_change_on_resuming(trainee, tmp_path):
    def settings(**options):
        training = dataclasses.replace(trainee.settings.training, **options)
        return dataclasses.replace(trainee.settings, training=training)

    check = partial(may_resume, path=tmp_path)
    with pytest.raises(
        ValueError, match=r"steps decides the rates of schedule = cosine.*14, got 20"
    ):
        check(settings(schedule="cosine"), settings(schedule="cosine", steps=20))
    fixed = {"schedule": "cosine", "schedule_steps": 30}
    check(settings(**fixed), settings(**fixed, steps=20))
    with pytest.raises(ValueError, match="eval_every decides the rates of schedule = plateau"):
        check(settings(), settings(eval_every=3))
    assert is_constant(TrainingOptions())
    assert not is_constant(TrainingOptions(warmup=1))
