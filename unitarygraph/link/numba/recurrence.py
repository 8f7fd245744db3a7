"""Every `StepsOp` in compiled graphs: a thin numba function around a C callback to its `run`.

The compiled function checks shapes, allocates the results and calls back; the loops over time are the
kernels that `perform` calls as well. So they are compiled once for all graphs, in place of once more in
each.
"""

import numpy as np
from pytensor.link.numba.cache import compile_numba_function_src
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key

from unitarygraph.core.axes import pattern
from unitarygraph.core.small import DONE
from unitarygraph.link.numba.cache import CACHE_VERSION
from unitarygraph.link.numba.callback import INTP, array_at, external
from unitarygraph.ops.recurrence.base import StepsOp


def letters_of(op):
    """Names of the sizes, in the order in which a compiled function passes them on."""
    axes = [axis for named in op.present.values() for axis in named]
    return tuple(dict.fromkeys(axis for axis in axes if isinstance(axis, str)))


def external_of(op, node):
    """C function that runs ``op`` on the addresses of its inputs and outputs, followed by the sizes."""
    properties = "_".join(str(getattr(op, name)) for name in op.__props__)
    dtypes = [np.dtype(x.type.dtype) for x in (*node.inputs, *node.outputs)]
    axes = [*op.axes_in.values(), *op.axes_out.values()]
    missing = [name in op.absent for name in op.axes_in] + [False] * len(op.axes_out)
    letters, count = letters_of(op), len(node.inputs)

    def run(address):
        table = list(map(int, array_at(address, (len(axes) + len(letters),), INTP)))
        addresses = table[: len(axes)]
        length = op.with_derived(dict(zip(letters, table[len(axes) :], strict=True)))
        arrays = [
            None if gone else array_at(place, tuple(length.get(k, k) for k in named), dtype)
            for place, named, dtype, gone in zip(addresses, axes, dtypes, missing, strict=True)
        ]
        inputs, outputs = arrays[:count], arrays[count:]
        for output, (source,) in op.destroy_map.items():
            outputs[output] = inputs[source]
        op.run(inputs, outputs)

    name = f"unitarygraph_{type(op).__name__}_{properties}_{dtypes[0]}_{CACHE_VERSION}"
    return external(name, lambda: run)


@register_funcify_default_op_cache_key(StepsOp)
def numba_steps_op(op, node, **kwargs):
    """Function and cache version of any StepsOp."""
    body = []

    def emit(line, depth=1):
        body.append("    " * depth + line)

    known = set()
    read = op.present
    first = next(iter(read))
    for name, named in read.items():
        message = f"{op.title}: {name} must be {pattern(named)}"
        if shared := " and ".join(dict.fromkeys(axis for axis in named if axis in known)):
            message += f" with {first}'s {shared}"
        for place, axis in enumerate(named):
            if axis in known or not isinstance(axis, str):
                if op.public:
                    emit(f"if {name}.shape[{place}] != {axis}:")
                    emit(f"raise ValueError({message!r})", 2)
            else:
                emit(f"{axis} = {name}.shape[{place}]")
                known.add(axis)
    for condition, message in op.conditions if op.public else ():
        emit(f"if not ({condition}):")
        emit(f"raise ValueError({f'{op.title}: {message}'!r})", 2)
    for axis, size in op.derived.items():
        emit(f"{axis} = {size}")
    names = list(op.axes_in)
    for name in names:
        emit(f"{name} = np.ascontiguousarray({name})")
    results = list(op.axes_out)
    for k, (name, named) in enumerate(op.axes_out.items()):
        over = op.destroy_map.get(k)
        made = f"np.empty(({''.join(f'{axis}, ' for axis in named)}), dtype)"
        emit(f"result_{name} = {names[over[0]] if over else made}")
    arrays = [*names, *(f"result_{name}" for name in results)]
    entries = [*(f"{a}.ctypes.data" for a in arrays), *letters_of(op)]
    emit(f"table = np.empty({len(entries)}, np.intp)")
    for k, entry in enumerate(entries):
        emit(f"table[{k}] = {entry}")
    emit("status = run(table.ctypes.data)")
    # Numba frees an array after its last use, so each is used once more after the call.
    emit(f"alive = table.size + {' + '.join(f'{name}.size' for name in names)}")
    emit(f"if status != {DONE} or alive < 0:")
    emit(f"raise RuntimeError({f'{op.title}: the computation failed'!r})", 2)
    emit(f"return {', '.join(f'result_{name}' for name in results)}")

    function_name = f"numba_{type(op).__name__}"
    source = "\n".join([f"def {function_name}({', '.join(names)}):", *body])
    names_within = {
        "np": np,
        "run": external_of(op, node),
        "dtype": np.dtype(node.outputs[0].type.dtype),
    } | {name: numba_njit(call) for name, call in op.derived_calls.items()}
    function = compile_numba_function_src(source, function_name, names_within)
    return numba_njit(function), CACHE_VERSION
