"""Records of addresses and sizes: the one argument of a kernel, which is a C function."""

import numpy as np


def record_type(*names):
    """Structured dtype of 64-bit integers with these names."""
    return np.dtype([(name, np.int64) for name in names])


def record(dtype, **values):
    """A record; arrays are entered by their addresses, and must outlive it; None is 0."""
    if values.keys() != set(dtype.names):
        raise TypeError(f"record: expected {dtype.names}, got {tuple(values)}")
    made = np.zeros((), dtype)
    for name, value in values.items():
        made[name] = value.ctypes.data if isinstance(value, np.ndarray) else value or 0
    return made
