"""Presets of published experiments, and the command that runs them."""

from importlib.resources import files

import numpy as np
import pytest
from test_files import IMAGE, cifar10
from test_frames import timit_files
from test_labeled import mnist_files
from typer.testing import CliRunner

from unitarygraph.cli import app
from unitarygraph.training.begin import begin
from unitarygraph.training.display import console_for
from unitarygraph.training.presets import preset, presets
from unitarygraph.training.reproduction import figure

# Of the README of expRNN: hidden size, and the two rates.
EXPRNN = {
    "copying-1000": (190, 2e-4, 2e-5),
    "copying-2000": (190, 2e-4, 2e-5),
    "mnist-170": (170, 7e-4, 7e-5),
    "mnist-360": (360, 5e-4, 5e-5),
    "mnist-512": (512, 3e-4, 3e-5),
    "permuted-170": (170, 1e-3, 1e-4),
    "permuted-360": (360, 7e-4, 7e-5),
    "permuted-512": (512, 5e-4, 5e-5),
    "timit-224": (224, 1e-3, 1e-4),
    "timit-322": (322, 7e-4, 7e-5),
    "timit-425": (425, 7e-4, 7e-5),
}


@pytest.fixture
def data(tmp_path, rng):
    """Made files of MNIST, TIMIT and both CIFAR, in one directory."""
    timit_files(tmp_path, rng, features=129)
    mnist_files(tmp_path, rng, train=6100)
    cifar10(tmp_path, rng, "binary")
    rows = np.concatenate(
        [np.full((9, 2), 3, np.uint8), rng.integers(0, 256, (9, IMAGE), np.uint8)], axis=1
    )
    for name in ("train", "test"):
        (tmp_path / f"{name}.bin").write_bytes(rows.tobytes())
    return str(tmp_path)


def test_every_preset_says_what_is_run_and_what_it_rests_on():
    papers = {file.name for file in files("unitarygraph.models").joinpath("presets").iterdir()}
    assert {f"{name.partition('/')[0]}.toml" for name in presets()} == papers
    for name, chosen in presets().items():
        settings = chosen.settings()
        assert name == chosen.name
        assert settings.training.steps == chosen.steps
        assert settings.model == chosen.model
        assert chosen.metric in ("loss", "accuracy", "mse")
        assert chosen.rests_on
        assert chosen.differs
        if chosen.published is not None and chosen.metric == "accuracy":
            assert 0.7 < chosen.published < 1


def test_settings_are_those_of_the_command_lines():
    for name, (hidden, rate, orthogonal) in EXPRNN.items():
        settings = preset(f"exprnn/{name}").settings()
        assert settings.hidden == hidden
        assert settings.training.batch == 128
        rules = settings.rules
        assert [rules[k].learning_rate for k in ("other", "orthogonal")] == [rate, orthogonal]
        assert [rules[k].name for k in ("other", "orthogonal")] == [
            "adam" if name.startswith("timit") else "rmsprop",
            "rmsprop",
        ]
    assert preset("exprnn/copying-2000").settings().task_options["delay"] == 2000
    assert preset("dtriv/permuted-170-inf").settings().model_options["K"] == float("inf")


def test_the_list_tells_figures_and_whether_they_were_checked():
    done = CliRunner().invoke(app, ["reproduce", "list"], env={"COLUMNS": "400"})
    assert done.exit_code == 0, done.output
    for name, chosen in presets().items():
        (line,) = (row for row in done.output.splitlines() if row.split()[:1] == [name])
        assert chosen.where in line
        assert figure(chosen) in line
    assert figure(preset("exprnn/permuted-170")) == "94.90%"
    assert figure(preset("urnn/mnist-512")) == "95.10% (not checked)"


def test_published_and_measured_stand_side_by_side(tmp_path, data):
    words = ["reproduce", "exprnn/copying-1000", "--steps", "2", "--out", str(tmp_path / "a")]
    bad = CliRunner().invoke(app, [*words, "--data", data])
    assert bad.exit_code == 2
    assert "--data: exprnn/copying-1000 draws its own sequences" in bad.output
    words = ["reproduce", "cdopt/mnist-rows", "--data", data, "--out", str(tmp_path / "b")]
    for steps, more in (("1", []), ("2", ["--resume"])):
        done = CliRunner().invoke(app, [*words, "--steps", steps, *more], env={"COLUMNS": "200"})
        assert done.exit_code == 0, done.output
        assert f"{steps} of 9370 steps" in done.output
        for said in ("CDOpt", "published accuracy", "none found", "the tutorial", "drops the last"):
            assert said in done.output
    bad = CliRunner().invoke(app, ["reproduce", "exprnn/sorting"])
    assert bad.exit_code == 2
    assert "preset: expected one of asrnn/mnist-122, " in bad.output


@pytest.mark.slow
@pytest.mark.parametrize("name", presets())
def test_every_preset_starts(name, tmp_path, data):
    chosen = preset(name)
    options = chosen.assignments(data if chosen.needs_data else None) | {"batch": 4}
    files, program = begin(
        chosen.task, chosen.model, chosen.hidden, 2, None, tmp_path / "run", resume=False,
        force=False, console=console_for(False), assignments=options, said="",
    )  # fmt: skip
    step = next(program.stream)
    losses = [program.step(*step)["loss"] for _ in range(2)]
    assert np.isfinite(losses).all()
    assert files.config.exists()
