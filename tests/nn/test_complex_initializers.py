"""Complex initializers: the distribution of modulus and phase, the variance, orthonormal sides."""

import numpy as np
import pytest
import scipy.stats

from unitarygraph.nn.initializers import complex_glorot, complex_he, complex_independent

SHAPE = (60, 140)
SIGMA = {complex_glorot: np.sqrt(1 / 200), complex_he: np.sqrt(1 / 60)}


@pytest.mark.parametrize("draw", [complex_glorot, complex_he])
def test_rayleigh_modulus_and_uniform_phase(rng, draw):
    w = draw(rng, SHAPE)
    assert (w.shape, w.dtype) == (SHAPE, np.dtype(complex))
    sigma = SIGMA[draw]
    rayleigh = scipy.stats.rayleigh(scale=sigma)
    assert scipy.stats.kstest(abs(w).ravel(), rayleigh.cdf).pvalue > 0.01
    uniform = scipy.stats.uniform(-np.pi, 2 * np.pi)
    assert scipy.stats.kstest(np.angle(w).ravel(), uniform.cdf).pvalue > 0.01
    # |w|^2 is exponential with mean and deviation 2 sigma^2
    assert abs(np.mean(abs(w) ** 2) / (2 * sigma**2) - 1) < 4 / np.sqrt(w.size)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
@pytest.mark.parametrize("criterion", ["glorot", "he"])
def test_independent_has_an_orthonormal_side_and_the_variance(rng, shape, criterion):
    w = complex_independent(rng, shape, criterion=criterion)
    variance = 2 / sum(shape) if criterion == "glorot" else 2 / shape[0]
    assert w.shape == shape
    np.testing.assert_allclose(np.mean(abs(w) ** 2), variance, rtol=1e-12)
    singular = np.linalg.svd(w, compute_uv=False)
    np.testing.assert_allclose(singular, np.sqrt(variance * max(shape)), rtol=1e-12)
    assert abs(w.imag).max() > 0.01


@pytest.mark.parametrize("draw", [complex_glorot, complex_he, complex_independent])
def test_planes_are_those_of_the_complex_array(draw):
    w, planes = draw(np.random.default_rng(1), (3, 2)), draw(np.random.default_rng(1), (3, 2), 2)
    np.testing.assert_array_equal(planes, [w.real, w.imag])
    with pytest.raises(ValueError, match=r"planes=2.*got 1"):
        draw(np.random.default_rng(1), (3, 2), planes=1)


def test_an_unknown_criterion_is_refused(rng):
    with pytest.raises(ValueError, match="criterion must be one of glorot, he, got 'lecun'"):
        complex_independent(rng, (2, 3), criterion="lecun")
