"""JAX's side of every comparison, jitted."""

import jax
import jax.numpy as jnp
import numpy as np


def modrelu(z, bias):
    """(z / |z|) relu(|z| + bias)."""
    size = jnp.abs(z)
    return z / size * jax.nn.relu(size + bias)


def recurrence(drive, w, h0, bias, g):
    """Callable of the gradients of Re <g, states> to drive, W and bias."""
    arrays = [jnp.asarray(x) for x in (drive, w, bias)]
    start, cotangent = jnp.asarray(h0), jnp.asarray(g)

    def loss(drive, w, bias):
        def cell(h, step):
            h = modrelu(step + h @ w, bias)
            return h, h

        states = jax.lax.scan(cell, start, drive)[1]
        return jnp.sum((jnp.conj(cotangent) * states).real)

    gradient = jax.jit(jax.grad(loss, argnums=(0, 1, 2)))
    # JAX's gradient is the conjugate of dL/dRe + i dL/dIm.
    return lambda: [np.conj(x) for x in jax.block_until_ready(gradient(*arrays))]


def value_and_gradient(op, x, g):
    """Callable of y = op(x) and the gradient of Re <g, y>, in the width of x."""
    wide = x.dtype in ("complex128", "float64")
    with jax.enable_x64(wide):
        argument, cotangent = jnp.asarray(x), jnp.asarray(g)

        @jax.jit
        def both(x, g):
            y, pull = jax.vjp(op, x)
            return y, pull(jnp.conj(g))[0]

        compiled = both.lower(argument, cotangent).compile()

    def run():
        y, gradient = jax.block_until_ready(compiled(argument, cotangent))
        return np.asarray(y), np.conj(gradient)

    return run


def polar_factor(a):
    """The polar factor through singular vectors."""
    left, _, right = jnp.linalg.svd(a, full_matrices=False)
    return left @ right


def cayley_map(a):
    """(I - a/2)^{-1} (I + a/2)."""
    eye = jnp.eye(a.shape[-1], dtype=a.dtype)
    return jnp.linalg.solve(eye - a / 2, eye + a / 2)


def positive_q(a):
    """Q of a, R's diagonal positive."""
    q, r = jnp.linalg.qr(a)
    signs = jnp.sign(jnp.diagonal(r, axis1=-2, axis2=-1))
    return q * signs[..., None, :]


SMALL = {
    "expm": jax.scipy.linalg.expm,
    "expm_skew": jax.scipy.linalg.expm,
    "qr": positive_q,
    "polar": polar_factor,
    "cayley": cayley_map,
    "eigh": lambda a: jnp.linalg.eigh(a)[0],
    "solve": lambda a: jnp.linalg.solve(a, a + a.conj().mT),
}
