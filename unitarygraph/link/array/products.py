"""Products and adjoints."""


def hconj(xp, a):
    """Conjugate transpose."""
    return xp.conj(a).mT


def hconj_op(xp, op, a):
    """`HConj`."""
    return hconj(xp, a)


def matmul(xp, op, a, b):
    """`MatMul`."""
    return (hconj(xp, a) if op.left else a) @ (hconj(xp, b) if op.right else b)


def quotient(xp, op, a, b):
    """`Quotient`."""
    return a / b


def between(xp, v, m):
    """V M V^H."""
    return v @ m @ hconj(xp, v)
