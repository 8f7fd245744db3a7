"""The command line: ``unitarygraph train | compare | reproduce | evaluate | report | export | list``.

It parses, calls and prints: what the commands do is `unitarygraph.training` and
`unitarygraph.comparing`. Exit codes: 0 done, 1 an error, 2 a wrong command line, 3 a loss or
parameter not finite, 130 and 143 stopped by Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import sys
from pathlib import Path

from unitarygraph.training import naming_the_extra

with naming_the_extra("the command line"):
    # In the order in which --help lists the commands.
    from unitarygraph.cli import train, compare, runs  # noqa: F401, I001
    from unitarygraph.cli.common import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; ``module:Class`` may stand in the working directory."""
    if not {"", str(Path.cwd())} & set(sys.path):
        sys.path.append(str(Path.cwd()))
    app()
