"""The code of the documentation pages runs as it stands, top to bottom."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGES = ["wrong-graph.md"]


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_run_in_order(page, capsys):
    text = (DOCS / page).read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert blocks
    names = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, f"{page}", "exec"), names)
    assert capsys.readouterr().out
