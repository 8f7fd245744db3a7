"""A training step of the real exprnn on copying, L=1000: ours against the same model in PyTorch."""

import numpy as np
import pytensor
import torch

from benchmarks.timing import compare, require_agreement
from unitarygraph import models, tasks, updates

DELAY, HIDDEN, BATCH = 1000, 190, 128
RATE, ORTHOGONAL_RATE = 2e-4, 2e-5


def torch_step(model, batch):
    """The same step, written in PyTorch as expRNN's code does it: a loop over a cell."""
    values = {
        p.name: torch.tensor(np.array(p.get_value()), requires_grad=True) for p in model.params
    }
    a, v, b, u, c = (values[name] for name in "AVbUc")
    optimizer = torch.optim.RMSprop(
        [{"params": [v, b, u, c], "lr": RATE}, {"params": [a], "lr": ORTHOGONAL_RATE}]
    )
    x, target = (torch.from_numpy(np.ascontiguousarray(array)) for array in batch[:2])
    target = target.long()

    def step():
        optimizer.zero_grad()
        upper = torch.triu(a, 1)
        w = torch.linalg.matrix_exp(upper - upper.T)
        h = torch.zeros(x.shape[1], HIDDEN)
        states = []
        # unbind, since the backward pass of indexing makes an array of all steps for each of them
        for drive in (x @ v).unbind(0):
            z = drive + h @ w
            h = torch.sign(z) * torch.relu(torch.abs(z) + b)
            states.append(h)
        logits = torch.stack(states) @ u + c
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def run():
    """One row: the whole step, data on both sides alike."""
    pytensor.config.floatX = "float32"
    task = tasks.build("copying", delay=DELAY)
    model = models.build("exprnn", task.input_size, HIDDEN, task.output_size, dtype="float32")
    batch = next(iter(task.batches(np.random.default_rng(0), BATCH, "float32")))
    symbols = task.inputs("float32", BATCH)
    loss = task.loss(model(symbols[0], *symbols[2:]), *symbols[1:])
    rest = [p for p in model.params if p not in model.orthogonal_params]
    rules = updates.rmsprop(loss, rest, RATE) | updates.rmsprop(
        loss, model.orthogonal_params, ORTHOGONAL_RATE
    )
    peer = torch_step(model, batch)
    ours = pytensor.function(symbols, loss, updates=rules)
    require_agreement("loss of the first step", np.array(ours(*batch)), np.array(peer()), 1e-4)
    contenders = {"unitarygraph": lambda: ours(*batch), "torch": peer}
    case = f"exprnn real, copying L={DELAY}, n={HIDDEN}, B={BATCH}, float32"
    return [compare(case, contenders, repeats=7, target=1, peer="torch", warm_up=1)]
