"""Training on every backend: one step of every model, and whole runs on JAX."""

import importlib
from functools import cache

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from backend_modes import PACKAGES, THIRD_PARTY, the_mode
from rich.console import Console
from typer.testing import CliRunner

import unitarygraph as ug
from unitarygraph.cli import app
from unitarygraph.training.backends import BACKENDS
from unitarygraph.training.begin import prepare
from unitarygraph.training.loop import NotFinite
from unitarygraph.training.options import resolve
from unitarygraph.training.program import Program
from unitarygraph.training.run import evaluate, execute
from unitarygraph.training.store import RunDirectory, read_rows

pytestmark = [
    *(pytest.mark.filterwarnings(line) for line in THIRD_PARTY),
    # pip's PyTensor has no BLAS for its C code, which scan uses in FAST_COMPILE mode, and says so
    pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS"),
]
TASK = {"delay": 2, "length": 2, "batch": 3}
# Between them the models see every kind of update: rules with counters, retractions, clipping.
MODELS = {
    "exprnn": {"field": "real", "optimizer": "rmsprop", "clip": 1.0},
    "exprnn complex": {"field": "complex", "optimizer": "adam", "variable": True},
    "fcurnn": {"optimizer": "adam", "retraction": "cayley"},
    "fcurnn real": {"field": "real", "optimizer": "momentum", "retraction": "exp"},
    "tanh": {"optimizer": "sgd", "variable": True},
    "lstm": {"optimizer": "rmsprop"},
}
OTHERS = [
    "jax",
    "pytorch",
    pytest.param("c", marks=[pytest.mark.slow, pytest.mark.compiler]),
    pytest.param("numba", marks=pytest.mark.slow),
    "kernels",
]


@pytest.fixture(params=OTHERS)
def backend(request, width_of_jax):
    mode = BACKENDS[request.param][0]
    if mode not in PACKAGES:
        yield request.param
    else:
        # Every model as written; test_pytorch_compiles_a_step has its compiler at work as well.
        with the_mode(mode, stance="force_eager"):
            yield request.param


@pytest.fixture
def width_of_jax():
    """Put the width that JAX computes in back after the test."""
    if importlib.util.find_spec("jax") is None:
        yield None
    else:
        jax = importlib.import_module("jax")
        importlib.import_module("pytensor.link.jax.dispatch")
        before = jax.config.jax_enable_x64
        yield jax
        jax.config.update("jax_enable_x64", before)


def settings(name, backend, dtype="float64", **more):
    assignments = TASK | MODELS[name] | more
    return resolve(
        "copying", name.split()[0], 5, backend=backend, dtype=dtype, assignments=assignments
    )


@cache
def steps(name, backend):
    """Scalars of two steps and the evaluation, and all shared variables after them."""
    with pytensor.config.change_flags(floatX="float64"):
        program = Program(settings(name, backend))
        program.compile()
        scalars = [program.step(*next(program.stream)) for _ in range(2)]
        first = next(iter(program.task.evaluation_batches(3, "float64")))
        return [*scalars, program._evaluate_batch(first)], program.values()


@pytest.mark.parametrize("name", MODELS)
def test_training_steps_agree(name, backend, width_of_jax):
    if backend == "jax":
        width_of_jax.config.update("jax_enable_x64", False)
    expected, expected_values = steps(name, "python")
    got, values = steps(name, backend)
    for ours, theirs in zip(got, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-9)
    assert list(values) == list(expected_values)
    for key, value in values.items():
        assert type(value) is np.ndarray
        assert value.dtype == expected_values[key].dtype
        np.testing.assert_allclose(value, expected_values[key], rtol=1e-7, atol=1e-11, err_msg=key)


@pytest.mark.parametrize(
    "compiler", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)]
)
def test_pytorch_compiles_a_step(compiler):
    with the_mode("PYTORCH", force_backend=compiler):
        got, values = steps.__wrapped__("exprnn", "pytorch")
    expected, expected_values = steps("exprnn", "python")
    for ours, theirs in zip(got, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-9)
    for key, value in values.items():
        np.testing.assert_allclose(value, expected_values[key], rtol=1e-7, atol=1e-11, err_msg=key)


def execute_quietly(path, chosen):
    """Run or continue the run in a directory; the program and the rows."""
    run, program = RunDirectory(path), prepare(chosen)
    if run.exists():
        run.write_settings(chosen)
    else:
        run.begin(chosen)
    return program, execute(run, program, Console(quiet=True))


@pytest.mark.slow
def test_a_run_on_jax_resumes_bit_for_bit(tmp_path, width_of_jax):
    pytest.importorskip("jax")
    name = "fcurnn"  # with adam's counters, whole numbers of 64 bits
    chosen = {
        n: settings(name, "jax", "float32", steps=n, checkpoint_every=3, log_every=1)
        for n in (4, 7)
    }
    whole, rows = execute_quietly(tmp_path / "whole", chosen[7])
    assert not width_of_jax.config.jax_enable_x64
    execute_quietly(tmp_path / "parts", chosen[4])
    parts, _ = execute_quietly(tmp_path / "parts", chosen[7])
    assert all(type(p.get_value()) is np.ndarray for p in whole.model.params)
    ours, theirs = parts.values(), whole.values()
    for key, value in theirs.items():
        assert value.dtype == ("int64" if key.endswith("/step") else "float32")
        np.testing.assert_array_equal(ours[key], value, err_msg=key)
    assert all(row["unitarity"] < 1e-5 for row in rows)
    run = RunDirectory(tmp_path / "whole")
    last = read_rows(run.metrics)[-1]
    step, scalars = evaluate(run, prepare(run.settings(backend="python")), Console(quiet=True))
    assert step == 7
    assert scalars["loss"] == pytest.approx(last["eval_loss"], rel=1e-5)


def test_a_run_on_jax_stops_at_nan(tmp_path, width_of_jax):
    pytest.importorskip("jax")
    chosen = settings("exprnn", "jax", "float32", optimizer="sgd", learning_rate=1e30, clip="none")
    with pytest.raises(NotFinite, match="is NaN or infinite at step"):
        execute_quietly(tmp_path / "run", chosen)


def test_cli_names_what_a_linker_lacks(tmp_path, width_of_jax):
    pytest.importorskip("torch")
    arguments = ["train", "copying", "--model", "urnn", "--hidden", "4", "--backend", "pytorch"]
    arguments += ["--set", "structured=true"]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "run")])
    assert result.exit_code == 1
    line = "error: backend pytorch cannot run urnn: PyTensor's PYTORCH linker does not implement"
    assert line in result.output
    assert "Traceback" not in result.output


def test_cli_evaluate_names_it_too(tmp_path, monkeypatch):
    execute_quietly(tmp_path / "run", settings("exprnn", "python", steps=1, batch=128))

    def refuse(*args, **kwargs):
        raise NotImplementedError("its Op Scan")

    monkeypatch.setattr(Program, "_objective", refuse)
    result = CliRunner().invoke(app, ["evaluate", str(tmp_path / "run")])
    assert result.exit_code == 1
    assert "error: backend python cannot run exprnn: its Op Scan" in result.output


def test_jax_never_computes_a_float64_graph_in_float32(width_of_jax):
    jax = pytest.importorskip("jax")
    x = pt.tensor("x", dtype="float64", shape=(3, 3))
    drive = pt.tensor("drive", dtype="float64", shape=(2, 3, 3))
    for inputs, y in (
        ([x], ug.cayley(x, field="real")),
        ([drive, x], ug.recurrence(drive, x, pt.zeros((3, 3)), activation="tanh")),
    ):
        f = pytensor.function(inputs, y, mode="JAX")
        given = [np.zeros(v.type.shape) for v in inputs]
        jax.config.update("jax_enable_x64", False)
        with pytest.raises(TypeError, match="the graph is float64, JAX computes in float32; call"):
            f(*given)
        jax.config.update("jax_enable_x64", True)
        assert np.asarray(f(*given)).dtype == "float64"


def test_jax_keeps_a_float32_graph_in_float32(width_of_jax):
    """With 64 bits PyTensor's sum of float32 gives float64: our Ops follow the graph again."""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    x = pt.tensor("x", dtype="float32", shape=(3, 3))
    y = ug.cayley(x / x.sum(), field="real")
    value = np.asarray(pytensor.function([x], y, mode="JAX")(np.ones((3, 3), "float32")))
    assert y.type.dtype == value.dtype == "float32"
