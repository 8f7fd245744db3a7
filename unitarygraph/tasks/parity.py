"""Parity: has an odd number of ones been read?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from unitarygraph.tasks.tracking import StateTracking


@dataclass(frozen=True)
class Parity(StateTracking):
    """Say whether the ones read so far are odd in number.

    x (T, B, 2): bits one-hot. Options, loss and accuracy as
    :class:`~unitarygraph.tasks.tracking.StateTracking`; the baseline is ln 2. Linear recurrences
    with eigenvalues in (0, 1) alone cannot hold it (Grazzi et al. 2025).
    """

    name: ClassVar[str] = "parity"

    @property
    def letters(self) -> int:
        """Zero and one."""
        return 2

    @property
    def states(self) -> int:
        """Even and odd."""
        return 2

    def table(self) -> np.ndarray:
        """A one changes the state."""
        return np.array([[0, 1], [1, 0]])
