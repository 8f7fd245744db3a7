"""Kernels for small matrices as C functions, and how whole batches are handed to them."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module

import numpy as np
from numba import cfunc, types

from unitarygraph.core.slots import letters_of, parse_slots
from unitarygraph.core.small import DONE, LARGE
from unitarygraph.kernels.blas import carray_at
from unitarygraph.kernels.options import KERNEL
from unitarygraph.kernels.small import load
from unitarygraph.kernels.small.lane_numbers import any_lane
from unitarygraph.kernels.threads import LEAST_WORK, row_blocks, run_in_threads
from unitarygraph.kernels.version import KERNEL_VERSION

_C_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_ssize_t)


@dataclass(frozen=True)
class LaneFunction:
    """An algorithm in lanes: `function` of the inputs, the outputs and work space.

    ``work`` names the work space as an Op's signature does its inputs, ``"F(n,n),R(n)"``; letters are
    those of the Op, or 1. With ``places`` each of its arrays is a stack of so many. With ``checked``
    the function returns whether it is done: where it is not, the whole batch is left to the Op's
    `compute`. ``suits`` is the source of a condition on ``count``, the number of matrices, and the
    letters, under which the function is the better one.
    """

    function: Callable
    work: str = ""
    places: int = 0
    checked: bool = False
    suits: str = "True"


class Kernel:
    """The kernel of an Op for a dtype, compiled or found in numba's cache on disk."""

    def __init__(self, op, dtype):
        module = import_module(f"unitarygraph.kernels.small.{op.small.module}")
        lane_function = module.lane_function(op)
        source = source_of(op, lane_function)
        names = {
            "np": np,
            "dtype": dtype.type,
            "item": dtype.itemsize,
            "lanes": load.width_of(types.float64 if dtype == np.float64 else types.float32),
            "function": lane_function.function,
            "carray_at": carray_at,
            "any_lane": any_lane,
            **{name: getattr(load, name) for name in ("load", "not_zero", "overwrite", "store")},
        }
        exec(compile(source, __file__, "exec"), names)
        # Numba finds its cache by file and name, and by what a function reads of another's variables.
        version = int(sha256(f"{KERNEL_VERSION}{source}".encode()).hexdigest()[:15], 16)
        kernel = names["make"](version)
        properties = [str(getattr(op, name)) for name in op.__props__]
        kernel.__qualname__ = "_".join(["small", type(op).__name__, *properties, dtype.name])
        kernel.__module__ = __name__
        self._compiled = cfunc("int32(intp)", **KERNEL)(kernel)
        self.address = self._compiled.address
        self._call = _C_FUNCTION(self.address)
        self._read = [i for i, name in enumerate(op.arguments) if name not in op.unread]

    def __call__(self, inputs, outputs, count, lengths):
        """Fill the outputs, C-contiguous; False where the kernel leaves that to others."""
        arrays = [*[np.ascontiguousarray(inputs[i]) for i in self._read], *outputs]
        addresses = [a.ctypes.data for a in arrays]
        work = count * max(lengths, default=1) ** 3
        blocks = row_blocks(count, work) if work >= 2 * LEAST_WORK else ()
        if len(blocks) < 2:
            return self._status(addresses, count, lengths) == DONE
        steps = [a.nbytes // count for a in arrays]
        statuses = []

        def run(block):
            first, last = block
            here = [a + first * step for a, step in zip(addresses, steps, strict=True)]
            statuses.append(self._status(here, last - first, lengths))

        run_in_threads(run, blocks)
        return all(status == DONE for status in statuses)

    def _status(self, addresses, count, lengths):
        """Of one call, in this thread."""
        entries = (*addresses, count, 1, *lengths)
        table = (ctypes.c_ssize_t * len(entries))(*entries)
        return self._call(ctypes.addressof(table))


def source_of(op, lane_function):
    """Python source of ``make(version)``, which makes the kernel.

    All arrays in lanes share one piece of memory, each of them at the start of a cache line.
    """
    slots_in, slots_out = op.slots
    read = [s for name, s in zip(op.arguments, slots_in, strict=True) if name not in op.unread]
    letters = letters_of(slots_in)
    given = len(read) + len(slots_out)
    work = parse_slots(lane_function.work, op.field)
    arrays = [
        *((f"x{i}", slot) for i, slot in enumerate(read)),
        *((f"y{i}", slot) for i, slot in enumerate(slots_out)),
        *((f"w{i}", slot) for i, slot in enumerate(work)),
    ]
    inputs, outputs, of_work = arrays[: len(read)], arrays[len(read) : given], arrays[given:]
    lines = []

    def emit(depth, line):
        lines.append("    " * depth + line)

    emit(0, "def make(version):")
    emit(1, "def kernel(address):")
    emit(2, f"table = carray_at(address, {given + 2 + len(letters)}, np.intp)")
    emit(2, f"count, alone = table[{given}], table[{given + 1}] != 0")
    for i, letter in enumerate(letters):
        emit(2, f"{letter} = table[{given + 2 + i}]")
    largest = f"max({', '.join(letters)}, 1)"
    emit(2, f"if {largest} > {op.small.largest} or not ({lane_function.suits}):")
    emit(3, f"return {LARGE}")
    emit(2, f"if not alone and count * {largest} ** 3 > {int(2 * LEAST_WORK)}:")
    emit(3, f"return {LARGE}")
    shapes = {
        name: [
            *(
                [str(lane_function.places)]
                if lane_function.places and (name, slot) in of_work
                else []
            ),
            *(["2"] if slot.stacked else []),
            *slot.letters,
        ]
        for name, slot in arrays
    }
    for name, shape in shapes.items():
        emit(2, f"size_{name} = {' * '.join((*shape, '1'))}")
    total = " + ".join(f"size_{name}" for name, _ in arrays)
    emit(2, f"memory = np.empty(({total} + 1) * lanes, dtype)")
    emit(2, "place = (memory.ctypes.data + 63) // 64 * 64")
    for name, slot in arrays:
        emit(2, f"{name} = carray_at(place, ({', '.join((*shapes[name], 'lanes'))},), dtype)")
        if (name, slot) in inputs + outputs:
            emit(2, f"flat_{name} = carray_at(place, (size_{name}, lanes), dtype)")
        emit(2, f"place += size_{name} * lanes * item")
    emit(2, "for first in range(0, count, lanes):")
    emit(3, "last = min(lanes, count - first) - 1")
    for i, (name, _) in enumerate(inputs):
        sign = "+=" if i else "="
        where = f"table[{i}] + first * size_{name} * item"
        emit(3, f"spoiled {sign} load({where}, size_{name}, last, flat_{name})")
    if not op.entrywise:
        emit(3, "bad = not_zero(spoiled)")
        emit(3, "some_bad = any_lane(bad)")
        emit(3, "if some_bad:")
        for name, _ in inputs:
            emit(4, f"overwrite(flat_{name}, bad, 0.0)")
    call = f"function({', '.join(name for name, _ in arrays)})"
    if lane_function.checked:
        emit(3, f"if not {call}:")
        emit(4, f"return {LARGE}")
    else:
        emit(3, call)
    if not op.entrywise:
        emit(3, "if some_bad:")
        for name, _ in outputs:
            emit(4, f"overwrite(flat_{name}, bad, np.nan)")
    for i, (name, _) in enumerate(outputs, start=len(inputs)):
        where = f"table[{i}] + first * size_{name} * item"
        emit(3, f"store({where}, size_{name}, last, flat_{name})")
    # Numba frees memory after its last use; and the version must be read (see `Kernel`).
    emit(2, f"return {DONE} if memory.size + version > 0 else {LARGE}")
    emit(1, "return kernel")
    return "\n".join(lines)
