"""Comparing: several models on one task under one budget, in a table and a picture.

Needs the extra ``train``; nothing of it is loaded before `compare` is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unitarygraph.training import naming_the_extra

if TYPE_CHECKING:
    from unitarygraph.comparing.comparison import Comparison as Comparison
    from unitarygraph.comparing.comparison import compare as compare

__all__ = ["Comparison", "compare"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with naming_the_extra("comparing"):
        from unitarygraph.comparing import comparison
    return getattr(comparison, name)
