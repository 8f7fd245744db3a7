"""The programs of examples/ run, and do what they say."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

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
    loss, deviation = example("own_training_loop").main(steps=60, mode="FAST_COMPILE")
    assert loss < np.log(4)
    assert deviation < 1e3 * EPS
    assert "step 60: loss" in capsys.readouterr().out


def test_own_manifold():
    p, losses = example("own_manifold").main(steps=100)
    assert losses[-1] < losses[0]
    assert p.min() > 0
    assert abs(p.sum() - 1) < 10 * EPS


def test_both_writings_of_the_listing_are_one():
    worst, apart = example("theano_listing").main(steps=20, units=12, mode="FAST_COMPILE")
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


@pytest.mark.slow
def test_the_programs_run_from_the_shell():
    for name in ("own_training_loop", "theano_listing"):
        command = [sys.executable, str(EXAMPLES / f"{name}.py"), "--steps", "3"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "loss" in done.stdout


def test_gate_synthesis():
    assert example("gate_synthesis").main(steps=120) < 0.05
