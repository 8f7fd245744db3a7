"""ug.train, ug.load and ug.compare: what a notebook calls is what the command line does."""

import signal
import subprocess
import sys
import tomllib
from types import ModuleType, SimpleNamespace

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import tomli_w
from rich.console import Console
from typer.testing import CliRunner

import unitarygraph as ug
from unitarygraph.cli import app
from unitarygraph.training import Rule, display
from unitarygraph.training.columns import Columns
from unitarygraph.training.program import Program
from unitarygraph.training.store import Checkpoint, RunDirectory, read_rows

# pip's PyTensor has no BLAS for its C code, which scan uses in FAST_COMPILE mode, and says so
pytestmark = pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")

TINY = {"hidden": 4, "backend": "python", "delay": 3, "length": 2, "batch": 4, "log_every": 2}


def train(out, steps=6, **options):
    chosen = {"model": "tanh", "progress": False, **TINY, **options}
    return ug.train("copying", steps=steps, out=out, **chosen)


def command(*words):
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "160"})


def command_train(out, *words):
    sets = [f"--set={key}={TINY[key]}" for key in ("delay", "length", "batch", "log_every")]
    sizes = ["--hidden", 4, "--backend", "python", "--model", "tanh"]
    return command("train", "copying", *sizes, *sets, "--out", out, *words)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(tmp_path_factory.mktemp("python") / "run")


def without_seconds(rows):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def assert_same_run(first, second):
    a, b = (Checkpoint.load(RunDirectory(path).checkpoint) for path in (first, second))
    assert (a.step, a.stream) == (b.step, b.stream)
    assert set(a.values) == set(b.values)
    assert all(np.array_equal(a.values[name], b.values[name]) for name in a.values)
    rows = [without_seconds(read_rows(RunDirectory(path).metrics)) for path in (first, second)]
    assert rows[0] == rows[1]
    assert (first / "config.toml").read_text() == (second / "config.toml").read_text()


def test_it_is_the_command_line_bit_for_bit(run, tmp_path):
    done = command_train(tmp_path / "cli", "--steps", 6)
    assert done.exit_code == 0, done.output
    assert_same_run(run.path, tmp_path / "cli")


def test_metrics_are_columns(run):
    metrics = run.metrics
    assert list(metrics) == [
        "step", "loss", "accuracy", "unitarity", "seconds", "eval_loss", "eval_accuracy",
    ]  # fmt: skip
    assert metrics["step"].tolist() == [1, 2, 4, 6]
    assert metrics["step"].dtype == np.int64
    assert {metrics[name].dtype for name in metrics if name != "step"} == {np.dtype(np.float64)}
    assert metrics["loss"].tolist() == [row["loss"] for row in run.rows]
    assert np.isnan(metrics["eval_loss"]).tolist() == [True, True, True, False]
    assert dict(metrics).keys() == run.rows[-1].keys()
    with pytest.raises(KeyError, match=r"expected one of step, loss, .*, got 'lost'"):
        metrics["lost"]
    last = run.rows[-1]
    assert run.summary["eval_loss"] == last["eval_loss"]
    assert run.summary["loss / baseline"] == last["loss"] / run.task.baseline
    assert all(path.exists() for path in run.paths.values())
    assert set(run.paths) == {"config", "metrics", "csv", "checkpoint", "best", "curves"}


def test_columns_of_any_rows():
    columns = Columns([{"n": 1, "why": None, "x": None}, {"n": 2, "why": "nan", "more": 3}])
    assert columns["why"].tolist() == [None, "nan"]
    assert columns["more"].tolist()[1] == 3.0
    assert np.isnan(columns["more"][0])
    assert np.isnan(columns["x"]).all()
    assert len(Columns([])) == 0


def test_to_pandas(run):
    pandas = pytest.importorskip("pandas")
    frame = run.metrics.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["loss"].tolist() == run.metrics["loss"].tolist()
    assert frame.shape == (4, 7)


def test_to_pandas_names_what_is_missing(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        ImportError, match=r"to_pandas needs the package pandas.*pip install pandas"
    ):
        run.metrics.to_pandas()


def tanh_outputs(values, x):
    """What the model's file says, in NumPy: h = tanh(h W + x V + b), outputs h U + c."""
    h, outputs = np.zeros((x.shape[1], 4)), []
    for x_t in x:
        h = np.tanh(h @ values["W"] + x_t @ values["V"] + values["b"])
        outputs.append(h @ values["U"] + values["c"])
    return np.stack(outputs)


@pytest.mark.parametrize("loaded", [False, True], ids=["trained", "loaded"])
def test_the_model_has_its_trained_values_in_a_graph_of_ones_own(run, loaded):
    model = ug.load(run.path).model if loaded else run.model
    x = pt.tensor("x", dtype="float32", shape=(None, None, model.input_size))
    f = pytensor.function([x], model(x), mode="FAST_COMPILE")
    value = np.random.default_rng(0).standard_normal((5, 3, model.input_size)).astype("float32")
    values = Checkpoint.load(run.paths["checkpoint"]).values
    np.testing.assert_allclose(f(value), tanh_outputs(values, value), rtol=0, atol=1e-5)


def test_load_reads_everything_and_writes_nothing(run):
    def state():
        return {p: p.stat().st_mtime_ns for p in (run.path, *run.path.rglob("*"))}

    before = state()
    again = ug.load(str(run.path))
    assert again.rows == run.rows
    assert again.settings == run.settings
    assert [p.name for p in again.model.params] == [p.name for p in run.model.params]
    assert again.summary == run.summary
    assert repr(again) == f"Run(copying, tanh, 4 hidden units, step 6 of 6, {str(run.path)!r})"
    assert state() == before
    with pytest.raises(FileNotFoundError, match="holds no run"):
        ug.load(run.path / "nowhere")


def test_resuming_from_python(tmp_path):
    whole = train(tmp_path / "whole", steps=8, optimizer="adam")
    first = train(tmp_path / "parts", steps=5, optimizer="adam")
    assert first.rows[-1]["step"] == 5
    out = tmp_path / "parts"
    for options, message in (
        ({"model": "lstm"}, "has model = tanh, got lstm"),
        ({"steps": 4}, "steps may only grow, .* has 5, got 4"),
        ({"orthogonal": {"learning_rate": 1}}, "has orthogonal_learning_rate = 0.0001, got 1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            ug.train("copying", out=out, resume=True, progress=False, **options)
    again = ug.train("copying", out=out, resume=True, progress=False, steps=8)
    assert again.rows[-1]["step"] == 8
    for name in whole.model.params:
        twin = next(p for p in again.model.params if p.name == name.name)
        assert np.array_equal(name.get_value(), twin.get_value())
    with pytest.raises(FileExistsError, match="holds a run already"):
        train(out)
    assert train(out, steps=1, force=True).rows[-1]["step"] == 1


def test_options_are_python_values(tmp_path):
    run = train(
        tmp_path / "run", steps=1, clip=None, learning_rate=np.float64(1e-2),
        orthogonal={"name": "rmsprop", "learning_rate": 1e-4}, phase=Rule("sgd", 0.5),
        assignments={"task.symbols": 5},
    )  # fmt: skip
    assert run.settings.rules["other"].learning_rate == 1e-2
    assert run.settings.rules["orthogonal"].learning_rate == 1e-4
    assert run.settings.rules["phase"].name == "sgd"
    assert run.task.symbols == 5
    assert run.settings.training.clip is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delai": 3}, "^delai: no such option; valid are training: batch, .*; task: delay"),
        ({"delay": 0.5}, "^delay: expected int, got 0.5"),
        ({"orthogonal": {"name": "tiger"}}, r"^orthogonal\.name: expected one of adadelta"),
        ({"assignments": {"steps": 3}}, "^steps is given twice"),
        ({"resume": True, "force": True}, "exclude each other"),
    ],
)
def test_mistakes_in_python_are_told_by_their_keyword(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        train(tmp_path / "x", **options)
    assert not (tmp_path / "x").exists()


def test_ctrl_c_is_a_keyboard_interrupt_after_a_checkpoint(tmp_path, monkeypatch):
    whole = train(tmp_path / "whole")
    real, calls = Program.step, []

    def step(program, *batch):
        calls.append(batch)
        if len(calls) == 2:  # the first call only compiles
            signal.raise_signal(signal.SIGINT)
        return real(program, *batch)

    monkeypatch.setattr(Program, "step", step)
    with pytest.raises(KeyboardInterrupt, match="stopped after step 1") as stop:
        train(tmp_path / "parts")
    assert "resume=True" in stop.value.__notes__[0]
    half = ug.load(tmp_path / "parts")
    assert half.rows[-1]["step"] == 1
    assert half.paths["curves"].exists()
    assert half.model.params[0].get_value().shape == whole.model.params[0].get_value().shape
    ug.train("copying", out=tmp_path / "parts", resume=True, progress=False)
    assert_same_run(whole.path, tmp_path / "parts")


# what people see


def test_progress_in_a_pipe_and_none(tmp_path, capsys):
    train(tmp_path / "silent", steps=2)
    assert capsys.readouterr() == ("", "")
    train(tmp_path / "plain", steps=2, progress=True)
    text = capsys.readouterr().out
    assert "compiling tanh for copying (" in text
    assert "step 2/2" in text


@pytest.fixture
def notebook(monkeypatch):
    """A Jupyter that notes what is displayed; IPython itself need not be installed."""
    shown = SimpleNamespace(lines=[], printed=[])

    class Handle:
        def update(self, data, raw):
            shown.lines.append(data["text/plain"])

    def show(data, **options):
        if options.get("raw"):
            return Handle()
        shown.printed.append(data)
        return None

    package, module = ModuleType("IPython"), ModuleType("IPython.display")
    module.display, package.display = show, module
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return shown


def test_a_notebook_has_one_line_that_is_written_over(tmp_path, notebook, monkeypatch):
    monkeypatch.setattr(display, "NOTEBOOK_INTERVAL", -1)
    train(tmp_path / "run", steps=6, progress=Console(force_jupyter=True, width=160))
    assert [line.split("  ")[0] for line in notebook.lines] == [f"step {k}/6" for k in range(1, 7)]
    assert "evaluation accuracy" in notebook.lines[-1]
    assert notebook.printed, "compiling was not told"


def test_a_notebook_without_ipython_has_plain_lines(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    console = Console(force_jupyter=True, width=160)
    assert display.notebook_line(console) is None
    assert train(tmp_path / "run", steps=1, progress=console).rows


# what the import loads


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_the_import_loads_nothing_of_the_extra():
    extras = "rich safetensors matplotlib typer jax torch tomli_w threadpoolctl sklearn"
    code = f"""
import sys, unitarygraph as ug
print([m for m in {extras.split()!r} if m in sys.modules])
print(ug.models.names()[0], ug.tasks.names()[0], "train" in dir(ug))
print([m for m in {extras.split()!r} if m in sys.modules])
"""
    assert python(code).stdout.splitlines() == ["[]", "asrnn adding True", "[]"]


@pytest.mark.parametrize(
    ("name", "package"), [("train", "rich"), ("compare", "safetensors"), ("load", "matplotlib")]
)
def test_a_missing_extra_is_named(name, package):
    done = python(
        f"import sys; sys.modules[{package!r}] = None\nimport unitarygraph as ug; ug.{name}"
    )
    assert f"needs the package {package}" in done.stderr
    assert 'pip install "unitarygraph[train]"' in done.stderr


def test_names_that_there_are_not():
    with pytest.raises(AttributeError, match="has no attribute 'trane'"):
        _ = ug.trane
    with pytest.raises(AttributeError, match="has no attribute 'trane'"):
        _ = ug.comparing.trane


# comparisons


def compare(out, models="tanh,exprnn", **options):
    chosen = {"progress": False, "steps": 3, **TINY, **options}
    return ug.compare("copying", models, out=out, **chosen)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    out = tmp_path_factory.mktemp("comparison")
    return compare(out / "x", ["tanh", "exprnn", "wrn"], tanh={"hidden": 3, "clip": None})


def test_a_comparison_from_python_is_that_of_the_command_line(comparison, tmp_path):
    words = ["compare", "copying", "--models", "tanh,exprnn,wrn", "--steps", 3, "--hidden", 4]
    words += ["--backend", "python", "--out", tmp_path / "x"]
    for key in ("delay", "length", "batch", "log_every"):
        words += ["--set", f"{key}={TINY[key]}"]
    done = command(*words, "--set", "tanh.hidden=3", "--set", "tanh.clip=none")
    assert done.exit_code == 0, done.output
    for name in ("tanh-seed0", "exprnn-seed0"):
        assert_same_run(comparison.path / name, tmp_path / "x" / name)
    written = [(path / "table.md").read_text().splitlines()[1].split(" --")
               for path in (comparison.path, tmp_path / "x")]  # fmt: skip
    assert sorted(written[0][:-1]) == sorted(written[1][:-1])


def test_what_a_comparison_returns(comparison):
    assert [row["model"] for row in comparison.rows] == comparison.metrics["model"].tolist()
    losses = comparison.metrics["loss"]
    assert losses.tolist() == sorted(losses.tolist())
    assert comparison.metrics["hidden"].dtype == np.int64
    assert np.isnan(comparison.metrics["loss_spread"]).all()
    assert comparison.left_out == {"wrn": "is for digits, mnist, cifar10, cifar100"}
    assert set(comparison.runs) == {("tanh", 0), ("exprnn", 0)}
    run = comparison.runs["tanh", 0]
    assert run.settings.hidden == 3
    assert run.metrics["eval_loss"][-1] in losses
    assert run.model.hidden_size == 3
    assert all(path.exists() for path in comparison.paths.values())
    with pytest.raises(KeyError, match="expected one of"):
        comparison.runs["tanh", 1]


def test_a_comparison_goes_on_and_refuses_what_is_another(comparison):
    again = {"models": ["tanh", "exprnn"], "tanh": {"hidden": 3, "clip": None}, "resume": True}
    more = compare(comparison.path, steps=4, **again)
    assert more.metrics["steps"].tolist() == [4, 4]
    with pytest.raises(ValueError, match=r"steps may only grow, .* has 4, got 3"):
        compare(comparison.path, **again)
    with pytest.raises(ValueError, match=r"^tanh: delai: no such option.*MODEL\.KEY"):
        compare(comparison.path, **again, delai=3)
    with pytest.raises(FileExistsError):
        compare(comparison.path)


def test_a_stopped_comparison_says_what_there_is(tmp_path, monkeypatch):
    real, made = Program.step, []

    def step(program, *batch):
        made.append(program.settings.model)
        if made.count("exprnn") == 2:
            signal.raise_signal(signal.SIGINT)
        return real(program, *batch)

    monkeypatch.setattr(Program, "step", step)
    with pytest.raises(KeyboardInterrupt) as stop:
        compare(tmp_path / "x")
    found = stop.value.result
    assert [row["model"] for row in found.rows] == ["tanh", "exprnn"]
    assert found.rows[1]["reason"] == "stopped after step 1"
    assert found.paths["table"].exists()
    assert stop.value.signal == signal.SIGINT


# one law, and damage


def damage(path):
    checkpoint = RunDirectory(path).checkpoint
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    return checkpoint


def test_a_damaged_checkpoint_is_told_in_one_line(tmp_path):
    train(tmp_path / "run", steps=1)
    checkpoint = damage(tmp_path / "run")
    before = RunDirectory(tmp_path / "run").config.read_text()
    for words in (
        ["train", "copying", "--out", tmp_path / "run", "--resume", "--steps", 2],
        ["evaluate", tmp_path / "run"],
    ):
        done = command(*words)
        assert done.exit_code == 2, done.output
        assert f"error: {checkpoint}: not a readable checkpoint" in done.output
        assert len(done.output.strip().splitlines()) == 1
    assert RunDirectory(tmp_path / "run").config.read_text() == before
    with pytest.raises(ValueError, match="not a readable checkpoint"):
        _ = ug.load(tmp_path / "run").model
    assert ug.load(tmp_path / "run").rows


def test_a_damaged_checkpoint_of_a_comparison(tmp_path):
    compare(tmp_path / "x", "tanh", steps=1)
    damage(tmp_path / "x" / "tanh-seed0")
    with pytest.raises(ValueError, match="not a readable checkpoint"):
        compare(tmp_path / "x", "tanh", steps=2, resume=True)


def test_both_commands_resume_by_one_law(tmp_path):
    """What `compare` began `train` may take up, with the same things changed, and the reverse."""
    compare(tmp_path / "x", "tanh", steps=2)
    out = tmp_path / "x" / "tanh-seed0"
    free = {"steps": 3, "log_every": 1, "eval_every": 1, "checkpoint_every": 1}
    run = ug.train("copying", out=out, resume=True, progress=False, **free)
    assert run.rows[-1]["step"] == 3
    compare(tmp_path / "x", "tanh", resume=True, **free | {"steps": 4, "eval_every": 0})
    assert ug.load(out).rows[-1]["step"] == 4
    for refused in ({"batch": 5}, {"steps": 1}, {"minutes": 1}):
        said = []
        with pytest.raises(ValueError) as error:
            ug.train("copying", out=out, resume=True, progress=False, **refused)
        said.append(str(error.value))
        with pytest.raises(ValueError) as error:
            compare(tmp_path / "x", "tanh", resume=True, **{"steps": 4} | refused)
        said.append(str(error.value))
        assert said[0] == said[1]


def test_an_old_config_is_resumed_and_written_anew(tmp_path):
    run = train(tmp_path / "run", steps=2)
    old = run.settings.document()
    rules = old.pop("rules")
    names = {"other": "", "orthogonal": "orthogonal_", "phase": "phase_"}
    for group, prefix in names.items():
        old["training"][f"{prefix}optimizer"] = rules[group].pop("name")
        old["training"][f"{prefix}learning_rate"] = rules[group].pop("learning_rate")
        old["optimizer" if group == "other" else group] = rules[group]
    text = tomli_w.dumps(old | {"versions": {"unitarygraph": "0.1.0"}})
    assert "[rules" not in text
    run.paths["config"].write_text(text)
    assert ug.load(run.path).settings == run.settings
    assert run.paths["config"].read_text() == text
    done = command("train", "copying", "--out", run.path, "--resume", "--steps", 3)
    assert done.exit_code == 0, done.output
    assert "rules" in tomllib.loads(run.paths["config"].read_text())


@pytest.mark.parametrize(
    ("words", "defaults"),
    [
        (["train"], ["exprnn", "128", "the task's", "0", "runs/TASK-MODEL", "kernels", "float32"]),
        (["compare"], ["all", "1", "the task's", "128", "runs/compare-TASK", "kernels", "float32"]),
        (["evaluate"], ["the run's"]),
    ],
)
def test_help_shows_the_defaults(words, defaults):
    done = command(*words, "--help")
    assert done.exit_code == 0
    text = " ".join(done.output.replace("│", " ").split())
    for default in defaults:
        assert f"[default: {default}]" in text or f"[default: ({default})]" in text
