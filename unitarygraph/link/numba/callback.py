"""Python functions that compiled graphs call through C, by the name of a symbol.

A compiled function that held an address would stay out of numba's cache on disk; one that holds a
symbol's name is kept there, and the symbol is entered anew in every process.
"""

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding
from numba.core import types

INTP = np.dtype(np.intp)
_C_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_ssize_t)
# No exception passes through C: a status does, and the caller raises. Where one escapes (an
# interrupt from the keyboard), ctypes prints it and returns 0.
FAILED, DONE, REFUSED = range(3)
# Symbols that LLVM may call for as long as the process lives, with what keeps them alive.
_ENTERED: dict[str, Any] = {}


def external(name: str, make: Callable[[], Callable[[int], None]]):
    """External function ``int32(intp)`` under a name, which calls ``make()(address)``.

    ``make`` is called once a process. The function returns a status: REFUSED for a ValueError.
    """
    if name not in _ENTERED:
        function = make()

        def call_back(address):
            try:
                function(address)
            except np.linalg.LinAlgError:
                return FAILED
            except ValueError:
                return REFUSED
            except Exception:
                return FAILED
            return DONE

        _ENTERED[name] = _C_FUNCTION(call_back)
        binding.add_symbol(name, ctypes.cast(_ENTERED[name], ctypes.c_void_p).value)
    return types.ExternalFunction(name, types.int32(types.intp))


def array_at(address, shape, dtype):
    """The C-contiguous array at an address."""
    count = int(np.prod(shape))
    memory = (ctypes.c_char * (count * dtype.itemsize)).from_address(address)
    return np.frombuffer(memory, dtype, count).reshape(shape)
