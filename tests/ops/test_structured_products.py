"""`ug.rotations` and `ug.dft` on complex variables; as Ops they have rows in `op_table`."""

import numpy as np
import pytest
from oracles import AS_WRITTEN, complex_normal

import unitarygraph as ug
from unitarygraph.stacked import from_complex


def layer(theta, phi, shift, n):
    """One tunable layer as a matrix."""
    F = np.eye(n, dtype=complex)
    for k, i in enumerate(range(shift, n - 1, 2)):
        c, s, e = np.cos(theta[k]), np.sin(theta[k]), np.exp(1j * phi[k])
        F[i : i + 2, i : i + 2] = [[e * c, -e * s], [s, c]]
    return F


@pytest.mark.parametrize("with_phases", [True, False])
def test_rotations_of_complex_rows(rng, with_phases):
    h, theta = complex_normal(rng, 3, 5), rng.uniform(-np.pi, np.pi, (3, 2))
    phi = rng.uniform(-np.pi, np.pi, (3, 2)) if with_phases else np.zeros((3, 2))
    F = np.linalg.multi_dot([layer(theta[t], phi[t], t % 2, 5) for t in range(3)])
    H = ug.matrix("H", shape=(3, 5))
    angles = (theta, phi) if with_phases else (theta,)
    rows = ug.rotations(H, *angles)
    assert isinstance(rows, ug.ComplexVariable)
    assert isinstance(ug.rotations(h, *angles), ug.ComplexVariable)
    # Unitary: the gradient of |h F - g|^2 / 2 is h - g F^H.
    g = complex_normal(rng, 3, 5)
    slope = ug.grad((rows - g).inner(rows - g) / 2, H)
    got, slope = ug.function([H], [rows, slope], mode=AS_WRITTEN)(h)
    np.testing.assert_allclose(got, h @ F, rtol=0, atol=1e-14)
    np.testing.assert_allclose(slope, h - g @ F.conj().T, rtol=0, atol=1e-14)


def test_rotations_of_plain_rows_stay_plain(rng):
    h, angles = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 2))
    assert not isinstance(ug.rotations(h, angles, angles), ug.ComplexVariable)
    with pytest.raises(TypeError, match="rotations: phi must be real"):
        ug.rotations(h, angles, angles + 0j)


@pytest.mark.parametrize("inverse", [False, True])
def test_dft_of_complex_rows(rng, inverse):
    h = complex_normal(rng, 3, 5)
    transform = np.fft.ifft if inverse else np.fft.fft
    H = ug.matrix("H", shape=(3, 5))
    for rows in (ug.dft(H, inverse), ug.dft(h, inverse)):
        assert isinstance(rows, ug.ComplexVariable)
        got = ug.function([H], rows, mode=AS_WRITTEN, on_unused_input="ignore")(h)
        np.testing.assert_allclose(got, transform(h, norm="ortho"), rtol=0, atol=1e-14)
    assert not isinstance(ug.dft(from_complex(h), inverse), ug.ComplexVariable)
