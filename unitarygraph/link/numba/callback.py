"""Python functions that compiled graphs call through C, by the name of a symbol.

A compiled function that held an address would stay out of numba's cache on disk; one that holds a
symbol's name is kept there, and the symbol is entered anew in every process.
"""

import ctypes
from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba.core import types
from numba.extending import intrinsic

from unitarygraph.core.small import DONE, FAILED, LARGE, REFUSED

INTP = np.dtype(np.intp)
_C_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_ssize_t)
# No exception passes through C: a status does, and the caller raises. Where one escapes (an
# interrupt from the keyboard), ctypes prints it and returns 0, which is FAILED.
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


class Cell:
    """A variable of compiled code under a name: the address of a C function ``int32(intp)``, or 0.

    ``call`` is the compiled function of the same arguments that calls what the variable holds at that
    time, and returns LARGE where that is nothing. So compiled graphs call what is compiled after them,
    and hold no address that would keep them out of the cache on disk.
    """

    def __init__(self, name):
        self._memory = ctypes.c_ssize_t(0)
        binding.add_symbol(name, ctypes.addressof(self._memory))

        @intrinsic
        def call(typingctx, address):
            def codegen(context, builder, sig, args):
                function = ir.FunctionType(ir.IntType(32), [args[0].type]).as_pointer()
                held = builder.load(context.get_c_value(builder, function, name))
                empty = builder.icmp_unsigned("==", held, ir.Constant(function, None))
                with builder.if_else(empty) as (then, otherwise):
                    with then:
                        before = builder.block
                    with otherwise:
                        status = builder.call(held, args)
                        after = builder.block
                result = builder.phi(ir.IntType(32))
                result.add_incoming(ir.IntType(32)(LARGE), before)
                result.add_incoming(status, after)
                return result

            return types.int32(types.intp), codegen

        self.call = call

    def hold(self, address):
        """Hold the address of a C function, which must stay alive."""
        self._memory.value = address


def cell(name):
    """The process's variable of a name."""
    if name not in _ENTERED:
        _ENTERED[name] = Cell(name)
    return _ENTERED[name]


def array_at(address, shape, dtype):
    """The C-contiguous array at an address."""
    return np.ndarray(shape, dtype, bytes_type(prod(shape) * dtype.itemsize).from_address(address))


@lru_cache(1024)
def bytes_type(count):
    """The type of so many bytes; ctypes makes it anew whenever it is asked."""
    return ctypes.c_char * count
