"""`MatrixOp`: an Op defined by what it does to one matrix, batched over leading axes.

A subclass states its signature, such as ``"F(m,n)->F(m,n),F(n,n)"``, and a NumPy function of one
matrix; shapes, dtypes, batching, empty and non-finite matrices are handled here once.
Kinds of slots are told in `unitarygraph.core.slots`.
"""

from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.graph.replace import _vectorize_node

from unitarygraph.core.batch import batch_shape, broadcast_batch
from unitarygraph.core.layout import FIELDS, REAL_DTYPES, plain
from unitarygraph.core.slots import parse_signature
from unitarygraph.core.small import Small, fill_small


def from_shapes(method):
    """An Op's `infer_shape` of ``method(self, shapes)``, as all versions of PyTensor call it.

    PyTensor 3.0 passes (fgraph, node, shapes), 3.1 and later (node, shapes).
    """

    @wraps(method)
    def infer_shape(self, *args):
        return method(self, args[-1])

    return infer_shape


class MatrixOp(Op):
    """An Op on matrices over a field, with leading batch axes that broadcast like NumPy's.

    Subclasses set ``title`` (the user's name of the function), ``arguments`` (the names of its
    inputs), ``signature`` and `matrix`, the computation for one matrix. All inputs have one dtype,
    float32 or float64, which the outputs follow. A matrix that holds NaN or an infinity gives NaN;
    Ops that fill whole batches by arithmetic (`compute`, and ``entrywise`` of `array`) let it go
    where that takes it.

    Python's, C's and NUMBA's modes run `matrix` or `compute`; JAX and PyTorch run `array`, the same
    computation for whole batches over their own functions, or say ``no_array``, why there is none.
    """

    __props__: tuple[str, ...] = ("field",)
    title: str
    arguments: tuple[str, ...]
    signature: str
    # Further conditions on the letters of the signature, with their messages:
    # (("m >= n", "A must have at least as many rows as columns"),). Each is Python's source of
    # comparisons of whole numbers and nothing else: `_bind` evaluates it where all lengths are known,
    # and numba's adapter writes it into the function that it compiles.
    conditions: tuple[tuple[str, str], ...] = ()
    # Names of the outputs where some are internal, and the inputs and outputs that are: values that
    # travel from an Op to its derivatives (eigenvectors, say) and carry no gradient.
    results: tuple[str, ...] = ()
    internal: tuple[str, ...] = ()
    # Inputs that `matrix` does without (it gets None): they are there for the sake of derivatives.
    unread: tuple[str, ...] = ()
    # What a ValueError from `matrix` means, for backends that cannot pass its own message on.
    refusal: str = "an argument was refused"
    # Whether in `array` a number that is not finite reaches only the entries that are made of it;
    # else its whole matrix comes out as NaN.
    entrywise: bool = False
    # In place of `array`: why there is none.
    no_array: str = ""
    # Machine code for small matrices, which takes them before `compute` does.
    small: Small | None = None

    if TYPE_CHECKING:

        def __call__(self, *inputs: Any, **kwargs: Any) -> Any:
            """One variable for one output, a list for several: PyTensor says so of neither."""

    def __init__(self, field="complex"):
        if field not in FIELDS:
            raise ValueError(f"{self.title}: field must be 'complex' or 'real', got {field!r}")
        self.field = field

    def matrix(self, *arrays):
        """Outputs for one matrix of each input (a tuple when there are several)."""
        raise NotImplementedError

    def array(self, xp, *arrays):
        """Outputs for arrays of matrices with equal batch axes, in the functions of a namespace.

        ``xp`` has what ``jax.numpy`` and ``torch`` share (`unitarygraph.link.jax.namespace`); complex
        matrices come and go as complex arrays. Nothing may depend on values but through ``xp``.
        """
        raise NotImplementedError

    def refuses(self, xp, inputs, outputs):
        """Which matrices of a batch `array` refuses for their values, ``(...)``; None: none ever."""

    @property
    def slots(self):
        """Input and output slots."""
        return parse_signature(self.signature, self.field)

    def make_node(self, *inputs):
        slots_in, slots_out = self.slots
        inputs = [pt.as_tensor_variable(plain(x)) for x in inputs]
        if len(inputs) != len(slots_in):
            raise TypeError(f"{self.title}: expected {len(slots_in)} inputs, got {len(inputs)}")
        for name, slot, x in zip(self.arguments, slots_in, inputs, strict=True):
            self._check_type(name, slot, x)
        length = self._bind([x.type.shape for x in inputs])
        if len({x.type.dtype for x in inputs}) > 1:
            raise TypeError(
                f"{self.title}: inputs must have one dtype, "
                f"got {', '.join(x.type.dtype for x in inputs)}; cast them explicitly"
            )
        inputs = broadcast_batch(inputs, [slot.ndim for slot in slots_in])
        batch = batch_shape(inputs[0], slots_in[0].ndim)
        outputs = [
            pt.tensor(dtype=inputs[0].type.dtype, shape=(*batch, *slot.core_shape(length)))
            for slot in slots_out
        ]
        return Apply(self, inputs, outputs)

    def _check_type(self, name, slot, x):
        if x.type.dtype not in REAL_DTYPES:
            raise TypeError(
                f"{self.title}: {name} must be float32 or float64, got dtype {x.type.dtype}"
                + ("; stack complex arrays with unitarygraph.stacked.from_complex" * slot.stacked)
            )
        if x.type.ndim < slot.ndim:
            hint = "; for real matrices pass field='real'" if self.field == "complex" else ""
            raise ValueError(
                f"{self.title}: {name} must be {slot.pattern}, got shape {x.type.shape}{hint}"
            )

    def _bind(self, shapes):
        """Length of each letter from the inputs' shapes, None where unknown; refuses mismatches."""
        length = {}
        for name, slot, shape in zip(self.arguments, self.slots[0], shapes, strict=True):
            core = shape[len(shape) - slot.ndim :]
            if slot.stacked and core[0] not in (2, None):
                raise ValueError(
                    f"{self.title}: {name} must be {slot.pattern}, got shape {tuple(shape)}"
                )
            for letter, size in zip(slot.letters, core[slot.stacked :], strict=True):
                known = length.get(letter)
                if known is not None and size is not None and known != size:
                    raise ValueError(
                        f"{self.title}: {name} must be {slot.pattern} with {letter} = {known}, "
                        f"got shape {tuple(shape)}"
                    )
                length[letter] = size if known is None else known
        if None not in length.values():
            for condition, message in self.conditions:
                if not eval(condition, {}, length):
                    raise ValueError(f"{self.title}: {message}, got shape {tuple(shapes[0])}")
        return length

    def perform(self, node, inputs, output_storage):
        shapes, dtype = tuple([x.shape for x in inputs]), inputs[0].dtype
        for name, x in zip(self.arguments, inputs, strict=True):
            if x.dtype != dtype:
                raise TypeError(f"{self.title}: {name} must be {dtype}, got {x.dtype}")
        outputs = [np.empty(shape, dtype) for shape in _shapes_out(self, shapes)]
        self.fill(inputs, outputs)
        for storage, out in zip(output_storage, outputs, strict=True):
            storage[0] = out

    def shapes_out(self, shapes):
        """Shapes of the outputs for arrays of these shapes; refuses mismatches."""
        slots_in, slots_out = self.slots
        length = self._bind(shapes)
        batch = shapes[0][: len(shapes[0]) - slots_in[0].ndim]
        for name, slot, shape in zip(self.arguments, slots_in, shapes, strict=True):
            if shape[: len(shape) - slot.ndim] != batch:
                raise ValueError(
                    f"{self.title}: {name} must have batch axes {batch}, got shape {shape}"
                )
        return [(*batch, *slot.core_shape(length)) for slot in slots_out]

    def connection_pattern(self, node):
        """Which outputs depend on which inputs as far as gradients go."""
        results = self.results or ("",) * len(node.outputs)
        return [
            [name not in self.internal and result not in self.internal for result in results]
            for name in self.arguments
        ]

    def fill(self, inputs, outputs):
        """Fill the output arrays as every backend calls it; shapes are in order.

        By the kernel for small matrices, else by `compute`: what overflows is infinite or NaN, without
        a word.
        """
        if not fill_small(self, inputs, outputs):
            with np.errstate(all="ignore"):
                self.compute(inputs, outputs)

    def compute(self, inputs, outputs):
        """Fill the output arrays; shapes are in order."""
        if not any(out.size for out in outputs):
            return
        slots_in, slots_out = self.slots
        arrays = [
            None if name in self.unread else slot.load(x)
            for name, slot, x in zip(self.arguments, slots_in, inputs, strict=True)
        ]
        for index in np.ndindex(inputs[0].shape[: inputs[0].ndim - slots_in[0].ndim]):
            matrices = [None if a is None else np.ascontiguousarray(a[index]) for a in arrays]
            finite = all(a is None or np.isfinite(a).all() for a in matrices)
            values = self.matrix(*matrices) if finite else (np.nan,) * len(outputs)
            values = values if isinstance(values, tuple) else (values,)
            for slot, out, value in zip(slots_out, outputs, values, strict=True):
                slot.store(out[(*index, ...)], value)

    @from_shapes
    def infer_shape(self, shapes):
        slots_in, slots_out = self.slots
        length = {}
        for slot, shape in zip(slots_in, shapes, strict=True):
            for letter, size in zip(
                slot.letters, shape[len(shape) - len(slot.letters) :], strict=True
            ):
                length.setdefault(letter, size)
        batch = shapes[0][: len(shapes[0]) - slots_in[0].ndim]
        return [(*batch, *slot.core_shape(length)) for slot in slots_out]


@lru_cache(1024)
def _shapes_out(op, shapes):
    """`MatrixOp.shapes_out`, once for the same shapes: small matrices come by the hundred thousand."""
    return op.shapes_out(shapes)


@_vectorize_node.register(MatrixOp)
def vectorize_matrix_op(op, node, *batched_inputs):
    """A MatrixOp batches by itself."""
    return op.make_node(*batched_inputs)
