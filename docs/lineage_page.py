"""Puts comparisons into docs/lineage.md: ``python docs/lineage_page.py DIR...``.

Each DIR is one that ``unitarygraph compare`` filled: its table goes between the marks of its task and
its picture to docs/images/.
"""

import re
import shutil
import sys
from pathlib import Path

DOCS = Path(__file__).parent
PAGE = DOCS / "lineage.md"


def filled(page, comparison, images):
    """Page with the table and the picture of one comparison between its task's marks."""
    text = (comparison / "table.md").read_text(encoding="utf-8")
    task = re.search(r"unitarygraph compare (\S+)", text)[1]
    marks = f"<!-- {task} -->\n", f"<!-- end of {task} -->"
    if any(page.count(mark) != 1 for mark in marks):
        raise ValueError(f"the page must have the marks {marks} once each")
    before, rest = page.split(marks[0])
    after = rest.split(marks[1])[1]
    picture = f"lineage-{task}.png"
    shutil.copyfile(comparison / "compare.png", images / picture)
    alt = f"training curves of all models on {task}"
    return f"{before}{marks[0]}{text}\n![{alt}](images/{picture})\n{marks[1]}{after}"


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    for directory in sys.argv[1:]:
        page = filled(page, Path(directory), DOCS / "images")
    PAGE.write_text(page, encoding="utf-8")
