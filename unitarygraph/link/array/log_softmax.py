"""Logarithm of the softmax and its adjoint."""


def log_softmax(xp, op, x):
    """`LogSoftmax`."""
    x = x - xp.amax(x, -1)[..., None]
    return x - xp.log(xp.sum(xp.exp(x), -1))[..., None]


def log_softmax_grad(xp, op, y, y_bar):
    """`LogSoftmaxGrad`."""
    return y_bar - xp.exp(y) * xp.sum(y_bar, -1)[..., None]
