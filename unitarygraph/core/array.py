"""What the `array` methods of several Ops share: matrices in batches over an array namespace.

``xp`` is a backend's namespace (the module ``namespace`` of `unitarygraph.link.jax` or
`unitarygraph.link.pytorch`), arrays are complex or real, ``(..., m, n)``.
"""


def hconj(xp, a):
    """Conjugate transpose."""
    return xp.conj(a).mT


def between(xp, v, m):
    """V M V^H."""
    return v @ m @ hconj(xp, v)


def hermitian(xp, a):
    """(A + A^H)/2."""
    return (a + hconj(xp, a)) * 0.5


def on_diagonal(xp, a, d):
    """A with the diagonal d."""
    here = xp.eye_like(xp.real(a)) > 0
    return xp.where(here, xp.as_type_of(d[..., :, None], a), a)


def solution(xp, a, b):
    """X of A X = B by LU; NaN where A is singular."""
    x = xp.lu_solve(xp.lu_factor(a), b)
    regular = xp.all(xp.isfinite(x), (-2, -1))
    return xp.where(regular[..., None, None], x, float("nan"))


def beyond_rounding(xp, a, part):
    """Whether a part of A that should vanish does not, as the Ops judge it: ``(..., m, n) -> (...)``."""
    size = xp.abs(a)
    return xp.amax(xp.abs(part), (-2, -1)) > xp.eps(size) ** 0.25 * (1 + xp.amax(size, (-2, -1)))
