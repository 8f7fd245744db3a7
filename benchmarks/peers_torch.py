"""PyTorch's side of every comparison, and that of the libraries on top of it."""

import numpy as np
import torch

from benchmarks.samples import ORTHOGONAL_RATE, RATE


def value_and_gradient(op, x, g):
    """Callable of y = op(x) and the gradient of Re <g, y>."""
    leaf, cotangent = torch.from_numpy(x).requires_grad_(), torch.from_numpy(g)

    def run():
        leaf.grad = None
        y = op(leaf)
        y.backward(cotangent)
        return y.detach().numpy(), leaf.grad.numpy()

    return run


def polar_factor(a):
    """The polar factor through singular vectors."""
    left, _, right = torch.linalg.svd(a, full_matrices=False)
    return left @ right


def cayley_map(a):
    """(I - a/2)^{-1} (I + a/2)."""
    eye = torch.eye(a.shape[-1], dtype=a.dtype)
    return torch.linalg.solve(eye - a / 2, eye + a / 2)


def positive_q(a):
    """Q of a, R's diagonal positive."""
    q, r = torch.linalg.qr(a)
    return q * torch.sgn(torch.diagonal(r, dim1=-2, dim2=-1))[..., None, :]


SMALL = {
    "expm": torch.linalg.matrix_exp,
    "expm_skew": torch.linalg.matrix_exp,
    "qr": positive_q,
    "polar": polar_factor,
    "cayley": cayley_map,
    "eigh": lambda a: torch.linalg.eigh(a)[0],
    "solve": lambda a: torch.linalg.solve(a, a + a.mH),
}


def orthogonal(a, g):
    """The same as `value_and_gradient` of exp through ``parametrizations.orthogonal``, real."""
    n = len(a)
    layer = torch.nn.Linear(n, n, bias=False, dtype=torch.from_numpy(a).dtype)
    torch.nn.utils.parametrizations.orthogonal(
        layer, orthogonal_map="matrix_exp", use_trivialization=False
    )
    original, cotangent = layer.parametrizations.weight.original, torch.from_numpy(g)
    with torch.no_grad():
        original.copy_(torch.from_numpy(a))

    def run():
        original.grad = None
        y = layer.weight
        y.backward(cotangent)
        return y.detach().numpy(), original.grad.numpy()

    return run


def modrelu(z, bias):
    """(z / |z|) relu(|z| + bias)."""
    return torch.sgn(z) * torch.relu(torch.abs(z) + bias)


def unroll(drive, w, h, bias):
    """All states, a loop over the cell as the published code has it.

    The steps are unbound, since the backward pass of indexing makes an array of all steps each.
    """
    states = []
    for step in drive.unbind(0):
        h = modrelu(step + h @ w, bias)
        states.append(h)
    return torch.stack(states)


def recurrence(drive, w, h0, bias, g):
    """Callable of the gradients of Re <g, states> to drive, W and bias."""
    leaves = [torch.from_numpy(x).requires_grad_() for x in (drive, w, bias)]
    start, cotangent = torch.from_numpy(h0), torch.from_numpy(g)

    def run():
        states = unroll(leaves[0], leaves[1], start, leaves[2])
        return [x.numpy() for x in torch.autograd.grad(states, leaves, cotangent)]

    return run


def skew(a):
    """(a - a^H) / 2."""
    return (a - a.mH) / 2


def qr_retraction(x, u):
    """Q of x + u, R's diagonal positive."""
    return positive_q(x + u)


def polar_retraction(x, u):
    """Polar factor of x + u."""
    return polar_factor(x + u)


def cayley_retraction(x, u):
    """X (I - A/2)^{-1} (I + A/2) with A = X^H u."""
    return x @ cayley_map(skew(x.mH @ u))


RETRACTIONS = {"qr": qr_retraction, "polar": polar_retraction, "cayley": cayley_retraction}


def geoopt_retractions():
    """Maps of geoopt equal to ours: its Cayley map, real, which turns by twice the tangent.

    Its QR retraction overwrites Q and so has no gradient (0.5.1: PyTorch raises RuntimeError).
    """
    import geoopt

    canonical = geoopt.CanonicalStiefel()
    return {"cayley": lambda x, u: canonical.retr(x, u / 2)}


def retraction(move, x, u, g):
    """Callable of the point reached from x along u and the gradient to u."""
    point = torch.from_numpy(x)
    return value_and_gradient(lambda tangent: move(point, tangent), u, g)


def gated(name, values, x, g):
    """Callable of torch.nn's states and the gradients of <g, states> to x and the weights.

    The LSTM has the values of ours, whose blocks are PyTorch's transposed.
    """
    made = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[name](x.shape[-1], g.shape[-1])
    if name == "lstm":
        with torch.no_grad():
            made.weight_ih_l0.copy_(torch.from_numpy(values["V"].T.copy()))
            made.weight_hh_l0.copy_(torch.from_numpy(values["W"].T.copy()))
            made.bias_ih_l0.copy_(torch.from_numpy(values["b"]))
            made.bias_hh_l0.zero_()
    leaf, cotangent = torch.from_numpy(x).requires_grad_(), torch.from_numpy(g)

    def run():
        made.zero_grad()
        leaf.grad = None
        states, _ = made(leaf)
        states.backward(cotangent)
        return states.detach().numpy(), leaf.grad.numpy()

    return run


def copying_step(values, arrays):
    """A training step of exprnn from the model's values by name, complex where A is stacked."""
    leaves = {name: torch.tensor(np.array(v), requires_grad=True) for name, v in values.items()}
    a, v, b, u, c = (leaves[name] for name in "AVbUc")
    optimizer = torch.optim.RMSprop(
        [{"params": [v, b, u, c], "lr": RATE}, {"params": [a], "lr": ORTHOGONAL_RATE}]
    )
    x, target = (torch.from_numpy(np.ascontiguousarray(array)) for array in arrays[:2])
    target = target.long()

    def recurrent_matrix():
        if a.ndim == 2:
            upper = torch.triu(a, 1)
            return torch.linalg.matrix_exp(upper - upper.T)
        upper = torch.triu(torch.complex(a[0], a[1]), 1)
        diagonal = torch.diag(1j * torch.diagonal(a[1]))
        return torch.linalg.matrix_exp(upper - upper.mH + diagonal)

    def step():
        optimizer.zero_grad()
        w = recurrent_matrix()
        if a.ndim == 2:
            states = unroll(x @ v, w, x.new_zeros(x.shape[1], len(w)), b)
        else:
            drive = torch.complex(x @ v[0], x @ v[1])
            states = unroll(drive, w, drive.new_zeros(x.shape[1], len(w)), b)
            states = torch.cat([states.real, states.imag], -1)
        logits = states @ u + c
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
