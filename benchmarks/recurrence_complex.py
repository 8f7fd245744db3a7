"""The complex recurrence, forward and backward through all steps."""

from benchmarks.recurrences import rows


def run(quick=False):
    """Rows of all cases, ``complex64``."""
    return rows("complex64", floor_limit=1.25, peer_limit=2, quick=quick)
