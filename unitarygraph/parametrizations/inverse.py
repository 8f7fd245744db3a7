"""What inverse maps need of a given matrix, and say of one that they refuse."""

import numpy as np
import scipy.linalg

from unitarygraph.manifolds.values import gram_deviation


def coarser_epsilon(W, dtype):
    """The larger machine epsilon of ``dtype`` and of the array W, that of ``dtype`` for integers."""
    epsilons = [np.finfo(dtype).eps]
    if np.asarray(W).dtype.kind in "fc":
        epsilons.append(np.finfo(np.asarray(W).dtype).eps)
    return float(max(epsilons))


def finite_matrix(who, W, shape, field):
    """W as a NumPy matrix of the shape in double precision.

    Raises ValueError, in the name of ``who``, for another shape, entries that are not finite and a
    complex W in the real field.
    """
    W = np.asarray(W)
    if W.shape != tuple(shape):
        raise ValueError(f"{who}: W must be {tuple(shape)}, got shape {W.shape}")
    if field == "real" and np.iscomplexobj(W):
        raise ValueError(f"{who}: W must be real with field='real', got dtype {W.dtype}")
    if not np.isfinite(W).all():
        raise ValueError(f"{who}: W must be finite, got NaN or infinity")
    return W.astype("complex128" if field == "complex" else "float64")


def square_matrix(who, W, n, field):
    """`finite_matrix` of shape ``(n, n)``."""
    return finite_matrix(who, W, (n, n), field)


def semi_unitary_matrix(who, W, shape, field, dtype="float64"):
    r"""The matrix with orthonormal columns (wide: rows) that W is up to rounding: its polar factor.

    In double precision. Raises ValueError where `finite_matrix` does, and where
    :math:`\|W^H W - I\|_F` (wide: :math:`\|W W^H - I\|_F`) is above n, the larger size, times the
    root of the coarser epsilon of W and ``dtype``: 1.5e-8 n in double, 3.5e-4 n in single.
    """
    given = np.asarray(W)
    W = finite_matrix(who, given, shape, field)
    wide = shape[0] < shape[1]
    deviation = gram_deviation(W.conj().T if wide else W)
    limit = max(shape) * coarser_epsilon(given, dtype) ** 0.5
    if not deviation <= limit:
        square = shape[0] == shape[1]
        kind = "unitary" if field == "complex" else "orthogonal"
        wanted = kind if square else f"of orthonormal {'rows' if wide else 'columns'}"
        raise ValueError(
            f"{who}: W must be {wanted}, got ||{'W W^H' if wide else 'W^H W'} - I|| = "
            f"{deviation:.2e}, the limit is {limit:.1e}"
        )
    u, _, vh = np.linalg.svd(W, full_matrices=False)
    return u @ vh


def unitary_matrix(who, W, n, field, dtype="float64"):
    """`semi_unitary_matrix` of shape ``(n, n)``."""
    return semi_unitary_matrix(who, W, (n, n), field, dtype)


def special_matrix(who, W, n, field, dtype="float64"):
    """As `unitary_matrix`, and ValueError for a determinant -1 in the real field."""
    W = unitary_matrix(who, W, n, field, dtype)
    if field == "real" and np.linalg.det(W) < 0:
        raise ValueError(f"{who}: W must have determinant 1 with field='real', got -1")
    return W


def unitary_logarithm(W):
    r"""Skew-Hermitian A with :math:`e^A = W`, principal, of a unitary or special orthogonal matrix.

    By a Schur form, which is block diagonal because W is normal. Real eigenvalues -1 come in pairs,
    and a pair is a rotation by pi of the plane of their vectors.
    """
    if np.iscomplexobj(W):
        t, q = scipy.linalg.schur(W, output="complex")
        a = (q * 1j * np.angle(np.diagonal(t))) @ q.conj().T
        return (a - a.conj().T) / 2
    t, q = scipy.linalg.schur(W, output="real")
    n = len(W)
    first = [j for j in range(n - 1) if t[j + 1, j] != 0]
    blocks = [
        (j, j + 1, np.arctan2(t[j, j + 1] - t[j + 1, j], t[j, j] + t[j + 1, j + 1])) for j in first
    ]
    inside = {k for j in first for k in (j, j + 1)}
    turned = [j for j in range(n) if j not in inside and t[j, j] < 0]
    blocks += [(j, k, np.pi) for j, k in zip(turned[::2], turned[1::2], strict=True)]
    s = np.zeros((n, n))
    for j, k, angle in blocks:
        s[j, k], s[k, j] = angle, -angle
    return q @ s @ q.T


def inverse_cayley(who, W, dtype="float64"):
    r"""Skew-Hermitian :math:`A = (I + W)^{-1} (I - W)` of a unitary W, its own inverse.

    Raises ValueError, in the name of ``who``, where an eigenvalue of W is as near to -1 as the root
    of the epsilon of ``dtype``: that W has no A, or one of which the map gives W to half the digits.
    """
    eigenvalues = np.linalg.eigvals(W)
    nearest = eigenvalues[np.abs(1 + eigenvalues).argmin()]
    limit = np.finfo(dtype).eps ** 0.5
    if abs(1 + nearest) < limit:
        raise ValueError(
            f"{who}: W must have no eigenvalue -1, got {nearest:.6g} at a distance of "
            f"{abs(1 + nearest):.1e} from it, the limit is {limit:.1e}"
        )
    identity = np.eye(len(W))
    a = np.linalg.solve(identity + W, identity - W)
    return (a - a.conj().T) / 2


def matching_phases(W):
    r"""Phases d (real: signs) with :math:`I + W \mathrm{diag}(d)^H` safely regular, for a unitary W.

    Gaussian elimination of W + diag(d) without interchanges, d_j the phase of the entry that it is
    added to: every pivot, and so the determinant, has modulus 1 or more. That signs exist for any
    orthogonal W is O'Dorney's theorem (2014); the elimination is that of Ballard, Demmel, Grigori et
    al. (2014), who reconstruct Householder vectors by it. For Haar-distributed W the A that belongs to
    :math:`W \mathrm{diag}(d)^H` was seen with entries below 3 and :math:`\|A\|_2` near 0.2 n, n <= 512.
    """
    rest = W.copy()
    phases = np.ones(len(W), W.dtype)
    for j in range(len(W)):
        size = abs(rest[j, j])
        if size > 0:
            phases[j] = rest[j, j] / size
        factors = rest[j + 1 :, j] / (rest[j, j] + phases[j])
        rest[j + 1 :, j + 1 :] -= np.outer(factors, rest[j, j + 1 :])
    return phases
