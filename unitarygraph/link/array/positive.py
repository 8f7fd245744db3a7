"""Square root and logarithm of Hermitian positive definite matrices."""

from unitarygraph.link.array.products import between, hconj


def positive_root(xp, op, a):
    """`PositiveRoot`: S, its eigenvalues and V."""
    w, v = positive_eigh(xp, a)
    s = xp.sqrt(w)
    return (v * s[..., None, :]) @ hconj(xp, v), s, v


def positive_log(xp, op, a):
    """`PositiveLog`: L, the eigenvalues of A and V."""
    w, v = positive_eigh(xp, a)
    return (v * xp.log(w)[..., None, :]) @ hconj(xp, v), w, v


def positive_log_derivative(xp, op, w, v, e):
    """`PositiveLogDerivative`."""
    total = w[..., :, None] + w[..., None, :]
    t = (w[..., :, None] - w[..., None, :]) / total
    small = xp.abs(t) < 1e-4
    safe = xp.where(small, 0.5, t)
    ratio = xp.where(small, 1 + t * t / 3, xp.arctanh(safe) / safe)
    return between(xp, v, between(xp, hconj(xp, v), e) * (2 * ratio / total))


def positive_guard(xp, op, a):
    """`PositiveGuard`: the Hermitian part, NaN unless it is positive definite."""
    a = hermitian(xp, a)
    lowest = xp.eigh(a)[0][..., :1, None]
    return xp.where(lowest > 0, a, float("nan"))


def nearest_positive(xp, op, a):
    """`NearestPositive`."""
    a = hermitian(xp, a)
    w, v = xp.eigh(a)
    lowest = xp.eps(w) ** 0.5 * xp.amax(xp.abs(w), -1)[..., None]
    raised = (v * xp.where(w > lowest, w, lowest)[..., None, :]) @ hconj(xp, v)
    return xp.where((w >= lowest)[..., :1, None], a, hermitian(xp, raised))


def positive_eigh(xp, a):
    """Eigenvalues and vectors of the Hermitian part, the values NaN unless all are positive."""
    w, v = xp.eigh(hermitian(xp, a))
    return xp.where(w[..., :1] > 0, w, float("nan")), v


def hermitian(xp, a):
    """(A + A^H)/2."""
    return (a + hconj(xp, a)) * 0.5
