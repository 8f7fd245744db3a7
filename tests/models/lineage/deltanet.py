"""DeltaNet: DeltaProduct with one reflection a step."""

from lineage.deltaproduct import outputs, parameters

__all__ = ["CASES", "outputs", "parameters"]

CASES = [{"key_size": 3}, {"key_size": 4, "heads": 2, "negative": True}]
