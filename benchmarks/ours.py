"""Our side of every comparison: compiled functions of NumPy arrays."""

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.scan.op import Scan

import unitarygraph as ug
from benchmarks.samples import ORTHOGONAL_RATE, RATE
from unitarygraph import models, stacked, tasks, updates
from unitarygraph.core.layout import plain
from unitarygraph.ops.recurrence import CheckpointedRecurrence, Recurrence


def store(x):
    """An array as we keep it: planes apart where complex."""
    return np.ascontiguousarray(stacked.from_complex(x) if np.iscomplexobj(x) else x)


def load(x, like):
    """The array of a stored one, complex where ``like`` is."""
    return stacked.to_complex(x) if np.iscomplexobj(like) else x


def symbol(name, x):
    """Input for the stored form of x."""
    stored = store(x)
    return pt.tensor(name, dtype=stored.dtype, shape=stored.shape)


def value_and_gradient(op, x, g, outputs=("value", "gradient")):
    """Callable of y = op(x) and the gradient of Re <g, y>, or of those named in ``outputs``."""
    X, G = symbol("x", x), symbol("g", g)
    Y = plain(op(X))
    made = {"value": Y}
    if "gradient" in outputs:
        made["gradient"] = pt.grad((Y * G).sum(), X)
    wanted = [pytensor.Out(made[name], borrow=True) for name in outputs]
    f = pytensor.function([X, G], wanted, trust_input=True, on_unused_input="ignore")
    arguments = store(x), store(g)
    return lambda: f(*arguments)


def recurrence(drive, w, h0, bias, g, unroll=ug.recurrence):
    """Callable of the gradients of Re <g, states> to drive, W and bias."""
    arrays = (drive, w, h0, bias, g)
    names = ("drive", "W", "h0", "bias", "g")
    symbols = [symbol(name, x) for name, x in zip(names, arrays, strict=True)]
    states = unroll(*symbols[:4])
    gradients = pt.grad((states * symbols[4]).sum(), [symbols[i] for i in (0, 1, 3)])
    wanted = [pytensor.Out(v, borrow=True) for v in gradients]
    f = pytensor.function(symbols, wanted, trust_input=True)
    arguments = [store(x) for x in arrays]
    return lambda: f(*arguments)


def require_unrolling(f, unroll):
    """AssertionError unless a compiled function unrolls as it is told: by our Op alone, or by Scan."""
    ops = [node.op for node in f.maker.fgraph.apply_nodes]
    kinds = {Recurrence: (Recurrence, CheckpointedRecurrence), Scan: Scan}
    has = {kind: any(isinstance(op, classes) for op in ops) for kind, classes in kinds.items()}
    wanted, other = (Recurrence, Scan) if unroll is ug.recurrence else (Scan, Recurrence)
    if not has[wanted] or has[other]:
        found = ", ".join(kind.__name__ for kind, there in has.items() if there) or "neither"
        raise AssertionError(
            f"{unroll.__name__}: the graph must hold {wanted.__name__} and no {other.__name__}, "
            f"got {found}"
        )


def copying_step(field, delay, hidden, batch, unroll=ug.recurrence, memory="all"):
    """(model, arrays of a batch, compiled step) of exprnn on copying, RMSprop, float32."""
    pytensor.config.floatX = "float32"
    task = tasks.build("copying", delay=delay)
    options = {"field": field, "memory": memory, "dtype": "float32"}
    model = models.build("exprnn", task.input_size, hidden, task.output_size, **options)
    for cell in model.cells:
        cell.unroll = unroll
    arrays = next(iter(task.batches(np.random.default_rng(0), batch, "float32")))
    symbols = task.inputs("float32", batch)
    loss = task.loss(model(symbols[0], *symbols[2:]), *symbols[1:])
    rest = [p for p in model.params if p not in model.group("orthogonal")]
    rules = updates.rmsprop(loss, rest, RATE) | updates.rmsprop(
        loss, model.group("orthogonal"), ORTHOGONAL_RATE
    )
    step = pytensor.function(symbols, loss, updates=rules)
    require_unrolling(step, unroll)
    return model, arrays, step
