"""Every model of the lineage trained by the program, with its own rules and rates: the longer check."""

import pytest
from rich.console import Console

from unitarygraph import models
from unitarygraph.training.begin import prepare
from unitarygraph.training.options import resolve
from unitarygraph.training.run import execute
from unitarygraph.training.store import RunDirectory

NAMES = sorted(set(models.MODELS) - {"wrn"})
COPYING = {"delay": 20, "length": 5, "batch": 64, "steps": 400}
# neither is unitary, and their rates want more steps to reach the baseline
LOW_RATES = ("cdopt", "irnn")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_copying_is_learned(name, tmp_path):
    """Five symbols over twenty blanks on numba in float32: better than a model without memory."""
    settings = resolve("copying", name, 64, assignments=COPYING)
    run, program = RunDirectory(tmp_path / "run"), prepare(settings)
    run.begin(settings)
    first, *_, last = execute(run, program, Console(quiet=True))
    limit = first["loss"] / 2 if name in LOW_RATES else program.task.baseline
    assert last["eval_loss"] < limit
    if program.model.unitary:
        assert last["unitarity"] < 1e-4
