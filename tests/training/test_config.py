"""--config: another run's settings as the base, and what stands over them."""

import tomllib

import pytest
import tomli_w
from rich.console import Console
from typer.testing import CliRunner

from unitarygraph.cli import app
from unitarygraph.training.begin import begin
from unitarygraph.training.options import resolve
from unitarygraph.training.store import RunDirectory

ASSIGNMENTS = {"delay": 3, "steps": 9, "seed": 4, "orthogonal_learning_rate": 0.2, "optimizer": "adam",
               "schedule": "cosine", "patience": 2, "eval_every": 3}  # fmt: skip


@pytest.fixture
def config(tmp_path):
    settings = resolve("copying", "tanh", 6, backend="python", assignments=ASSIGNMENTS)
    (tmp_path / "base").mkdir()
    files = RunDirectory(tmp_path / "base")
    files.write_settings(settings)
    return files.config


def begun(config, task=None, model=None, hidden=None, steps=None, dtype=None, **assignments):
    out = config.parents[1] / "out"
    files, program = begin(
        task, model, hidden, steps, None, out, None, dtype, config=config, resume=False,
        force=False, console=Console(quiet=True), assignments=assignments, said="--set ",
    )  # fmt: skip
    assert files.settings() == program.settings
    return program.settings


def test_the_settings_are_those_of_the_file(config):
    assert begun(config) == RunDirectory(config.parent).settings()


def test_what_is_given_goes_over_the_file_and_all_else_stays(config):
    base = tomllib.loads(config.read_text())
    found = begun(config, "copying", "tanh", 5, 7, "float64", learning_rate="0.5").document()
    base["run"] |= {"hidden": 5, "dtype": "float64"}
    base["training"]["steps"] = 7
    base["rules"]["other"]["learning_rate"] = 0.5  # the other groups' rates are the file's own
    del base["versions"]
    assert found == base


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "adding"}, "config.toml has task = copying, got adding"),
        ({"model": "lstm"}, "config.toml has model = tanh, got lstm"),
        ({"steps": 3, "training.steps": 3}, "steps.* given? twice|say the same"),
        ({"delai": 3}, "--set delai: no such option"),
    ],
)
def test_another_task_or_model_and_wrong_options_are_refused(config, options, message):
    with pytest.raises(ValueError, match=message):
        begun(config, **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not = [toml", "Invalid|Unclosed|Expected|Cannot"),
        ("[project]\nname = 'x'\n", r"the section \[run\] is missing"),
        ("[run]\ntask = 'copying'\n", r"\[run\]: expected task, model, hidden, backend, dtype"),
        ("run = 3\n", ""),
        (None, "no such option"),
    ],
)
def test_a_file_of_another_form_is_refused_in_words(config, text, message):
    if text is None:
        text = tomli_w.dumps(tomllib.loads(config.read_text()) | {"network": {"width": 3}})
    config.write_text(text)
    with pytest.raises(
        ValueError, match=f"(?s)has not the form of a run's config.toml, which.*({message})"
    ):
        begun(config)


def test_the_command_line_says_what_is_missing(config, tmp_path):
    for words, message in (
        (["train"], "task: expected a name, or --config with one"),
        (["train", "--config", tmp_path / "none.toml"], "there is no file"),
        (["train", "--config", tmp_path], "is a directory; write"),
        (["train", "--config", config, "--resume"], "--resume and --config exclude each other"),
    ):
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == 2
        assert message in done.output
