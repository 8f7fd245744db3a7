"""The code of the documentation pages runs as it stands, top to bottom."""

import re
from pathlib import Path

import pytensor
import pytest
from pytensor.compile.mode import get_mode

# What a page shows does not depend on the mode. Compiling it with numba would take a minute, and in
# Python sums and products of more than two terms, which PyTensor makes of nested ones, are slow.
PYTHON = get_mode("FAST_COMPILE").excluding("canonicalize")
ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "docs/backends.md",
    "docs/batch-normalization.md",
    "docs/complex-variables.md",
    "docs/data.md",
    "docs/dissolving.md",
    "docs/layers.md",
    "docs/orthogonalize.md",
    "docs/parametrizations.md",
    "docs/training.md",
    "docs/wrong-graph.md",
]


def test_every_page_with_python_is_run():
    """But for your-own-model.md, which tests/models/test_own_model.py runs."""
    pages = {"README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))}
    shown = {page for page in pages if "```python" in (ROOT / page).read_text()}
    assert shown == {*PAGES, "docs/your-own-model.md"}


@pytest.mark.parametrize("page", PAGES)
def test_page_runs_in_order(page, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # pages write runs
    text = (ROOT / page).read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert blocks
    names = {"__name__": "page"}
    # the assertion that this page shows is PyTensor's, from a rewriting of subtensors
    mode = "FAST_COMPILE" if page == "docs/wrong-graph.md" else PYTHON
    with pytensor.config.change_flags(mode=mode):
        for block in blocks:
            exec(compile(block, page, "exec"), names)
    assert capsys.readouterr().out
