"""A model from outside the package: the lines of docs/your-own-model.md, found and trained."""

import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from unitarygraph import models, registry, tasks
from unitarygraph.cli import app
from unitarygraph.training.store import RunDirectory

# pip's PyTensor has no BLAS for its C code, which scan uses in FAST_COMPILE mode, and says so
pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")

PAGE = (Path(__file__).parents[2] / "docs" / "your-own-model.md").read_text()
TINY = ["--hidden", "6", "--backend", "python", "--steps", "3",
        "--set", "delay=3", "--set", "length=2", "--set", "batch=4"]  # fmt: skip


def block(language):
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.S)[1]


def call(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "160"})


def distribution(folder, points, name="my-rnn"):
    """Lay out what pip makes of a package: its entry points beside its modules."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in entries.items())
             for group, entries in points.items()]  # fmt: skip
    (info / "entry_points.txt").write_text("\n".join(lines))


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on sys.path that holds the page's module."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "my_rnn.py").write_text(block("python"))
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) in {str(p) for p in folder.iterdir()}:
            del sys.modules[name]
    registry._points.cache_clear()


def test_the_model_of_the_page_is_found_trained_and_compared(site, tmp_path):
    project = tomllib.loads(block("toml"))["project"]
    distribution(site, project["entry-points"], project["name"])
    assert "polar_rnn" in models.names()
    listed = call("list", "models").output
    assert re.search(r"polar_rnn .*layers=1", listed)
    trained = call("train", "copying", "--model", "polar_rnn", *TINY, "--out", tmp_path / "x")
    assert trained.exit_code == 0, trained.output
    assert RunDirectory(tmp_path / "x").settings().model == "polar_rnn"
    assert call("evaluate", tmp_path / "x").exit_code == 0
    compared = call(
        "compare", "copying", "--models", "my_rnn:PolarRNN", *TINY, "--out", tmp_path / "y"
    )
    assert compared.exit_code == 0, compared.output
    rows = [
        (run / "metrics.jsonl").read_text()
        for run in (tmp_path / "x", tmp_path / "y" / "my_rnn.PolarRNN-seed0")
    ]
    losses = [re.findall(r'"eval_loss": ([^,]*)', text)[-1] for text in rows]
    assert losses[0] == losses[1]


def test_the_page_says_how_many_lines(site):
    module = block("python").partition("\n\n\n")[2]
    assert sum(bool(line.strip()) for line in module.splitlines()) == 10
    assert "Ten lines" in PAGE


def test_the_page_is_right_about_the_mathematics(site):
    model = models.build("my_rnn:PolarRNN", 3, 5, 2, dtype="float64", rng=1)
    M = model.params[0]
    M.set_value(M.get_value() + 0.3 * np.random.default_rng(0).standard_normal((5, 5)))
    left, _, right = np.linalg.svd(M.get_value())
    np.testing.assert_allclose(model.recurrent_matrix(), left @ right, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("lost", "no_such_module:RNN", "ModuleNotFoundError"),
        ("absent", "my_rnn:RNN", "has no attribute 'RNN'"),
        ("wrong", "pathlib:Path", "must be a class derived from unitarygraph.models.base.Model"),
        ("tanh", "my_rnn:PolarRNN", "'tanh' is built in and keeps its name"),
    ],
)
def test_a_bad_entry_point_is_an_error_when_it_is_asked_for(site, tmp_path, name, value, message):
    distribution(site, {"unitarygraph.models": {name: value, "fine": "my_rnn:PolarRNN"}})
    assert models.lookup("fine").__name__ == "PolarRNN"
    assert models.names().count(name) == 1
    listed = call("list", "models")
    assert listed.exit_code == 0, listed.output
    done = call("train", "copying", "--model", name, "--out", tmp_path / "x")
    assert done.exit_code in (1, 2)
    assert message in done.output
    assert "my_rnn" in done.output or value in done.output
    assert not (tmp_path / "x").exists()


def test_two_packages_that_claim_one_name_are_both_named(site):
    distribution(site, {"unitarygraph.models": {"new": "my_rnn:PolarRNN"}}, "first")
    distribution(site, {"unitarygraph.models": {"new": "other:RNN"}}, "second")
    with pytest.raises(ValueError, match=r"claimed by .*my_rnn:PolarRNN.* and .*other:RNN"):
        models.lookup("new")


def test_paths_that_lead_nowhere(site):
    with pytest.raises(ImportError, match="model nowhere:RNN cannot be loaded"):
        models.lookup("nowhere:RNN")
    with pytest.raises(ValueError, match=r"expected one of .*lstm.*got 'gpt'"):
        models.lookup("gpt")


def test_a_task_from_outside(site):
    (site / "my_task.py").write_text(
        "from dataclasses import dataclass\nfrom unitarygraph.tasks import Copying\n\n\n"
        "@dataclass(frozen=True)\nclass Longer(Copying):\n    delay: int = 300\n"
    )
    distribution(site, {"unitarygraph.tasks": {"longer": "my_task:Longer"}})
    assert "longer" in tasks.names()
    assert tasks.options_of("longer")["delay"] == 300
    assert tasks.build("my_task:Longer", delay=7).delay == 7
    with pytest.raises(ImportError, match=r"derived from unitarygraph\.tasks\.base\.Task"):
        tasks.lookup("my_rnn:PolarRNN")
