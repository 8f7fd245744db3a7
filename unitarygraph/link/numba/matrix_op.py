"""Every `MatrixOp` in compiled graphs: a thin numba function around C functions that fill its outputs.

The work of these Ops is LAPACK's and BLAS's, which NumPy and SciPy reach as well as numba does, and
compiling their algorithms costs LLVM some ten seconds an Op, again in every function that calls
them. So the compiled function checks shapes, allocates the results and calls the Op's kernel for small
matrices, where there is one, or back into Python; it holds no address that would keep it out of the
cache on disk, only the names of symbols.
"""

import numpy as np
from pytensor.link.numba.cache import compile_numba_function_src
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key

from unitarygraph.core.matrix_op import MatrixOp
from unitarygraph.core.slots import letters_of
from unitarygraph.core.small import DONE, LARGE, REFUSED, kernel_of, suits
from unitarygraph.link.numba.cache import CACHE_VERSION
from unitarygraph.link.numba.callback import INTP, array_at, cell, external
from unitarygraph.stacked.view import View


def functions_of(op, dtype, batched):
    """How compiled code fills an Op's outputs: the kernel for small matrices, and the way through Python.

    Two functions ``int32(intp)`` of the address of one table, that of `unitarygraph.kernels.small`
    with all inputs in it. The second compiles the first when small matrices come by.
    """
    properties = "_".join(str(getattr(op, name)) for name in op.__props__)
    kind = f"{type(op).__module__}_{type(op).__qualname__}".replace(".", "_")
    name = f"{kind}_{properties}_{dtype}_{batched}_{CACHE_VERSION}"
    slots_in, slots_out = op.slots
    slots, letters = (*slots_in, *slots_out), letters_of(slots_in)
    kernel = cell(f"{name}_small")

    def compute(address):
        table = array_at(address, (len(slots) + 2 + len(letters),), INTP).tolist()
        count, lengths = table[len(slots)], table[len(slots) + 2 :]
        batch, length = (count,) * batched, dict(zip(letters, lengths, strict=True))
        arrays = [
            array_at(place, (*batch, *slot.core_shape(length)), dtype)
            for place, slot in zip(table, slots, strict=False)
        ]
        if op.small is not None and suits(op, lengths) and count:
            kernel.hold(kernel_of(op, dtype).address)
        op.fill(arrays[: len(slots_in)], arrays[len(slots_in) :])

    return kernel.call, external(name, lambda: compute)


@register_funcify_default_op_cache_key(MatrixOp)
def numba_matrix_op(op, node, **kwargs):
    """Function and cache version of any MatrixOp."""
    slots_in, slots_out = op.slots
    dtype = np.dtype(node.inputs[0].type.dtype)
    # Numba keys its cache by the types of the arguments too, so their rank may be written out.
    rank = node.inputs[0].type.ndim - slots_in[0].ndim
    small, compute = functions_of(op, dtype, rank > 0)
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
    addresses = [f"{a}.ctypes.data" for a in arrays]
    read = [
        address
        for name, address in zip((*op.arguments, *slots_out), addresses, strict=True)
        if name not in op.unread
    ]
    sizes = [" * ".join(batch) or "1", "0", *letters_of(slots_in)]

    def emit_call(function, entries, depth=1):
        emit(f"table = np.empty({len(entries)}, np.intp)", depth)
        for i, entry in enumerate(entries):
            emit(f"table[{i}] = {entry}", depth)
        emit(f"status = {function}(table.ctypes.data)", depth)

    if op.small is None:
        emit_call("compute", [*addresses, *sizes])
    else:
        emit_call("small", [*read, *sizes])
        emit(f"if status == {LARGE}:")
        emit_call("compute", [*addresses, *sizes], 2)
    # Numba frees an array after its last use, so each is used once more after the call.
    emit(f"alive = table.size + {' + '.join(f'{a}.size' for a in arrays)}")
    refuse_if(f"status == {REFUSED} or alive < 0", op.refusal)
    emit(f"if status != {DONE}:")
    emit(f"raise RuntimeError({f'{op.title}: the computation failed'!r})", 2)
    emit("return " + ", ".join(f"y{i}" for i in range(len(slots_out))))

    name = f"{type(op).__name__}_{op.field}"
    source = "\n".join([f"def {name}({', '.join(f'x{i}' for i in range(len(slots_in)))}):", *body])
    function = compile_numba_function_src(
        source, name, {"np": np, "compute": compute, "small": small, "dtype": dtype}
    )
    return numba_njit(function), CACHE_VERSION


@register_funcify_default_op_cache_key(View)
def numba_view(op, node, **kwargs):
    """The identity."""

    def view(x):
        return x

    return numba_njit(view), CACHE_VERSION
