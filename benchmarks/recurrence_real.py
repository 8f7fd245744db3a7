"""The real recurrence, forward and backward through all steps."""

from benchmarks.recurrences import rows


def run(quick=False):
    """Rows of all cases, ``float32``."""
    return rows("float32", floor_limit=1.6, peer_limit=1.6, quick=quick)
