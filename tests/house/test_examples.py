"""The programs of examples/ run, and do what they say."""

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import unitarygraph as ug
from unitarygraph import models, registry

EXAMPLES = Path(__file__).parents[2] / "examples"
EPS = np.finfo("float64").eps


def example(name):
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_own_training_loop(capsys):
    loss, deviation = example("own_training_loop").main(steps=60)
    assert loss < np.log(4)
    assert deviation < 1e3 * EPS
    assert "step 60: loss" in capsys.readouterr().out


def test_own_manifold(capsys):
    p, losses = example("own_manifold").main(steps=100)
    printed = capsys.readouterr().out
    assert printed.count("passed") == 4
    assert "FAILED" not in printed
    assert losses[-1] < losses[0]
    assert p.min() > 0
    assert abs(p.sum() - 1) < 10 * EPS


def test_both_writings_of_the_listing_are_one():
    worst, apart = example("theano_listing").main(steps=20, units=12)
    assert worst < 1e3 * EPS
    assert apart < 1e3 * EPS


@pytest.mark.slow
def test_the_listing_stays_unitary_for_500_steps_at_128():
    worst, apart = example("theano_listing").main(steps=500, units=128)
    assert worst < 1e-12
    assert apart < 1e-10


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_every_example_is_run_here(path):
    assert f'example("{path.stem}")' in Path(__file__).read_text()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/pyproject.toml")), ids=str)
def test_every_package_is_installed_here(path):
    assert f'installed("{path.parent.name}"' in Path(__file__).read_text()


@pytest.mark.slow
def test_the_programs_run_from_the_shell():
    for name in ("own_training_loop", "theano_listing"):
        command = [sys.executable, str(EXAMPLES / f"{name}.py"), "--steps", "3"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "loss" in done.stdout


def test_gate_synthesis():
    assert example("gate_synthesis").main(steps=120) < 0.05


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Lays out what pip makes of a package of examples/: its modules and entry points on sys.path."""
    before = set(sys.modules)

    def install(name):
        source, site = EXAMPLES / name, tmp_path / "site"
        with (source / "pyproject.toml").open("rb") as file:
            document = tomllib.load(file)
        project = document["project"]
        info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir(parents=True)
        for module in document["tool"]["setuptools"]["py-modules"]:
            (site / f"{module}.py").write_text((source / f"{module}.py").read_text())
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        (info / "entry_points.txt").write_text(
            "".join(
                f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items())
                for group, points in project["entry-points"].items()
            )
        )
        monkeypatch.syspath_prepend(str(site))

    yield install
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    registry._points.cache_clear()


@pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")
def test_own_model(installed, tmp_path):
    """Found by its entry point, it is its formula, and two steps train it."""
    assert "leaky_unitary" not in models.names()
    installed("own_model")
    assert "leaky_unitary" in models.names()
    model = models.build("leaky_unitary", 2, 3, 1, rng=0, dtype="float64")
    x = np.random.default_rng(1).standard_normal((4, 5, 2))
    found = model(x).eval(mode="FAST_COMPILE")
    p = {v.name: v.value for v in model.params}
    h, W = np.zeros((5, 3), complex), model.recurrent_matrix()
    for x_t, y in zip(x, found, strict=True):
        z = h @ W + x_t @ p["V"]
        m = np.sqrt(abs(z) ** 2 + 1e-5)
        h = (h + z / m * np.maximum(m + p["b"], 0)) / 2
        expected = np.concatenate([h.real, h.imag], axis=-1) @ p["U"] + p["c"]
        np.testing.assert_allclose(y, expected, rtol=0, atol=100 * EPS)
    run = ug.train(
        "adding", model="leaky_unitary", hidden=4, steps=2, length=6, batch=8, backend="python",
        log_every=1, out=tmp_path / "run", progress=False,
    )  # fmt: skip
    assert type(run.model).__name__ == "LeakyUnitaryRNN"
    assert np.isfinite(run.metrics["loss"]).all()
    start = models.build("leaky_unitary", 2, 4, 1, rng=0).params
    assert (
        [v.name for v in run.model.params] == [v.name for v in start] == ["W", "V", "b", "U", "c"]
    )
    assert run.metrics["unitarity"].max() < 1e3 * np.finfo("float32").eps


def test_own_model_is_ten_lines():
    source = (EXAMPLES / "own_model" / "own_model.py").read_text()
    body = source.partition("\n\n\n")[2]
    lines = [line for line in body.splitlines() if line.strip() and '"""' not in line]
    assert len(lines) == 10
    assert "ten lines" in source
