"""Word problems of finite groups."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from typing import ClassVar

import numpy as np

from unitarygraph.tasks.tracking import StateTracking

#: groups of permutations: how many things they move, and whether only even ones
PERMUTATIONS = {"S3": (3, False), "S4": (4, False), "A5": (5, True), "S5": (5, False)}


@dataclass(frozen=True)
class Group(StateTracking):
    """Give the product of all elements read so far.

    ``group``: S3, S4, A5, S5, or Z and a number k >= 2, Z5. x (T, B, order): elements one-hot, the
    identity first, permutations in lexicographic order. The product g1 g2 moves i to g2(g1(i)).
    Options, loss and accuracy as :class:`~unitarygraph.tasks.tracking.StateTracking`; the baseline is
    the logarithm of the order. Z_k is commutative, S3 and S4 are solvable, A5 and S5 are not: their
    word problems are complete for NC1 (Barrington 1989).
    """

    name: ClassVar[str] = "group"

    group: str = "S3"

    def __post_init__(self) -> None:
        super().__post_init__()
        cyclic = re.fullmatch(r"Z([1-9]\d*)", self.group)
        if self.group not in PERMUTATIONS and not (cyclic and int(cyclic[1]) > 1):
            raise ValueError(
                f"group: group must be one of {', '.join(PERMUTATIONS)} or Zk with k >= 2, "
                f"got {self.group!r}"
            )

    @property
    def letters(self) -> int:
        """The elements."""
        return len(self.table())

    @property
    def states(self) -> int:
        """The elements."""
        return len(self.table())

    def table(self) -> np.ndarray:
        """Return the product of each state with each letter."""
        return products(self.group)


@cache
def products(group: str) -> np.ndarray:
    """Table of products: entry [g, s] is the number of s g, s first."""
    if group.startswith("Z"):
        numbers = np.arange(int(group[1:]))
        return np.add.outer(numbers, numbers) % len(numbers)
    count, even = PERMUTATIONS[group]
    elements = [p for p in permutations(range(count)) if not even or sign(p) == 1]
    number = {p: k for k, p in enumerate(elements)}
    rows = [[number[tuple(g[i] for i in s)] for s in elements] for g in elements]
    return np.array(rows)


def sign(permutation: tuple[int, ...]) -> int:
    """1 for an even permutation, -1 for an odd one: the parity of its inversions."""
    pairs = [(i, j) for j in range(len(permutation)) for i in range(j)]
    return (-1) ** sum(permutation[i] > permutation[j] for i, j in pairs)
