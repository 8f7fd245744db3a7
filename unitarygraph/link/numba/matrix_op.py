"""Every `MatrixOp` in compiled graphs: a thin numba function around a C callback to its `compute`.

The work of these Ops is LAPACK's and BLAS's, which NumPy and SciPy reach as well as numba does, and
compiling their algorithms costs LLVM some ten seconds an Op, again in every function that calls
them. So the compiled function checks shapes, allocates the results and calls back; it holds no
address that would keep it out of the cache on disk, only the name of a symbol.
"""

import numpy as np
from pytensor.link.numba.cache import compile_numba_function_src
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key

from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.link.numba.cache import CACHE_VERSION
from unitarygraph.link.numba.callback import DONE, INTP, REFUSED, array_at, external
from unitarygraph.stacked.view import View


def external_of(op, dtype, rank):
    """C function that computes ``op`` for a dtype and a number of batch axes."""
    properties = "_".join(str(getattr(op, name)) for name in op.__props__)
    kind = f"{type(op).__module__}_{type(op).__qualname__}".replace(".", "_")
    slots_in, slots_out = op.slots
    letters = letters_of(slots_in)

    def compute(address):
        table = array_at(address, (len(slots_in) + len(slots_out) + rank + len(letters),), INTP)
        pointers = iter(table)
        addresses = [next(pointers) for _ in (*slots_in, *slots_out)]
        batch = tuple(next(pointers) for _ in range(rank))
        length = dict(zip(letters, pointers, strict=True))
        arrays = [
            array_at(int(a), (*batch, *slot.core_shape(length)), dtype)
            for a, slot in zip(addresses, (*slots_in, *slots_out), strict=True)
        ]
        op.fill(arrays[: len(slots_in)], arrays[len(slots_in) :])

    return external(f"{kind}_{properties}_{dtype}_{rank}_{CACHE_VERSION}", lambda: compute)


def letters_of(slots):
    """Distinct letters of the slots' axes, in order of appearance."""
    return tuple(dict.fromkeys(letter for slot in slots for letter in slot.letters))


@register_funcify_default_op_cache_key(MatrixOp)
def numba_matrix_op(op, node, **kwargs):
    """Function and cache version of any MatrixOp."""
    slots_in, slots_out = op.slots
    dtype = np.dtype(node.inputs[0].type.dtype)
    # Numba keys its cache by the types of the arguments too, so their rank may be written out.
    rank = node.inputs[0].type.ndim - slots_in[0].ndim
    compute = external_of(op, dtype, rank)
    batch = [f"x0.shape[{axis}]" for axis in range(rank)]
    body = []

    def emit(line, depth=1):
        body.append("    " * depth + line)

    def refuse_if(condition, message):
        emit(f"if {condition}:")
        emit(f"raise ValueError({f'{op.title}: {message}'!r})", 2)

    known = set()
    for i, slot in enumerate(slots_in):
        expected = f"{op.arguments[i]} must be {slot.pattern}"
        if slot.stacked:
            refuse_if(f"x{i}.shape[{-slot.ndim}] != 2", expected)
        for axis, letter in enumerate(slot.letters, start=-len(slot.letters)):
            if letter in known:
                refuse_if(
                    f"x{i}.shape[{axis}] != {letter}",
                    f"{expected}, with the same {letter} wherever it stands",
                )
            else:
                emit(f"{letter} = x{i}.shape[{axis}]")
                known.add(letter)
        for axis, size in enumerate(batch):
            refuse_if(
                f"x{i}.shape[{axis}] != {size}", f"{expected}, with the batch axes of the others"
            )
    for condition, message in op.conditions:
        refuse_if(f"not ({condition})", message)

    arrays = []
    for i in range(len(slots_in)):
        emit(f"a{i} = np.ascontiguousarray(x{i})")
        arrays.append(f"a{i}")
    for i, slot in enumerate(slots_out):
        shape = ", ".join((*batch, *(["2"] if slot.stacked else []), *slot.letters))
        emit(f"y{i} = np.empty({f'({shape},)' if shape else '()'}, dtype)")
        arrays.append(f"y{i}")
    entries = [*(f"{a}.ctypes.data" for a in arrays), *batch, *letters_of(slots_in)]
    emit(f"table = np.empty({len(entries)}, np.intp)")
    for i, entry in enumerate(entries):
        emit(f"table[{i}] = {entry}")
    emit("status = compute(table.ctypes.data)")
    # Numba frees an array after its last use, so each is used once more after the call.
    emit(f"alive = table.size + {' + '.join(f'{a}.size' for a in arrays)}")
    refuse_if(f"status == {REFUSED} or alive < 0", op.refusal)
    emit(f"if status != {DONE}:")
    emit(f"raise RuntimeError({f'{op.title}: the computation failed'!r})", 2)
    emit("return " + ", ".join(f"y{i}" for i in range(len(slots_out))))

    name = f"{type(op).__name__}_{op.field}"
    source = "\n".join([f"def {name}({', '.join(f'x{i}' for i in range(len(slots_in)))}):", *body])
    function = compile_numba_function_src(
        source, name, {"np": np, "compute": compute, "dtype": dtype}
    )
    return numba_njit(function), CACHE_VERSION


@register_funcify_default_op_cache_key(View)
def numba_view(op, node, **kwargs):
    """The identity."""

    def view(x):
        return x

    return numba_njit(view), CACHE_VERSION
