"""``python -m unitarygraph.cli``."""

from unitarygraph.cli import main

main()
