"""The recurrence and its gradient as loops over time, in complex (or real) arithmetic."""

from unitarygraph.ops.activations import MODRELU_EPS, RECURRENT


def forward(xp, op, drive, W, h0, bias, mask):
    """`Recurrence`: states, last state and moduli."""
    op.sizes([tuple(v.shape) for v in (drive, W, h0, bias, mask)])
    return steps(xp, op, drive, W, h0, bias, mask)


def steps(xp, op, drive, W, h0, bias, mask):
    """The same for inputs whose shapes agree."""
    stacked = op.field == "complex"
    matrix = matrices(xp, W, stacked)

    def step(h, given):
        z = h @ matrix + matrices(xp, given[0], stacked)
        new, modulus = activate(xp, op, z, bias)
        h = xp.where(given[1][:, None], new, h) if op.masked else new
        return h, (planes(xp, h, stacked), *modulus)

    given = (drive, mask) if op.masked else (drive,)
    last, (states, *moduli) = xp.scan(step, matrices(xp, h0, stacked), given)
    return states, planes(xp, last, stacked), *(moduli or [xp.zeros((0, 0, 0), like=drive)])


def backward(xp, op, drive, W, h0, bias, mask, states, moduli, states_bar, last_bar):
    """`RecurrenceGrad`: cotangents of drive, W, h0 and bias."""
    stacked = op.field == "complex"
    has_bias = RECURRENT[op.activation].biased
    start, adjoint = matrices(xp, h0, stacked), xp.conj(matrices(xp, W, stacked)).mT
    before = xp.concatenate([h0[None], states])[:-1]
    given = {"state": states, "before": before}
    if has_bias and stacked:
        given["modulus"] = moduli
    if op.masked:
        given["keep"] = mask
    if op.from_states:
        given["bar"] = states_bar
    names = tuple(given)

    def step(carry, arrays):
        h_bar, W_bar, bias_bar = carry
        here = dict(zip(names, arrays, strict=True))
        if op.from_states:
            h_bar = h_bar + matrices(xp, here["bar"], stacked)
        h = matrices(xp, here["state"], stacked)
        z_bar, b_bar = slope(xp, op, h, h_bar, bias, here.get("modulus"))
        if op.masked:
            keep = here["keep"][:, None]
            z_bar = xp.where(keep, z_bar, 0)
            b_bar = xp.where(keep, b_bar, 0) if has_bias else b_bar
        W_bar = W_bar + xp.conj(matrices(xp, here["before"], stacked)).mT @ z_bar
        if has_bias:
            bias_bar = bias_bar + xp.sum(b_bar, 0)
        through = z_bar @ adjoint
        h_bar = xp.where(keep, through, h_bar) if op.masked else through
        return (h_bar, W_bar, bias_bar), planes(xp, z_bar, stacked)

    h_bar = matrices(xp, last_bar, stacked) if op.from_last else xp.zeros_like(start)
    carry = (h_bar, xp.zeros_like(adjoint), xp.zeros_like(bias))
    (h0_bar, W_bar, bias_bar), drive_bar = xp.scan(step, carry, tuple(given.values()), reverse=True)
    return drive_bar, planes(xp, W_bar, stacked), planes(xp, h0_bar, stacked), bias_bar


def activate(xp, op, z, bias):
    """f(z), and in a tuple the modulus where the backward pass reads it."""
    if not op.keeps_moduli:
        return split(xp, lambda x: RECURRENT[op.activation].value(xp, x, bias), z), ()
    x, y = xp.real(z), xp.imag(z)
    m = xp.sqrt(x * x + y * y + MODRELU_EPS)
    return z * (xp.maximum(m + bias, xp.zeros_like(m)) / m), (m,)


def slope(xp, op, h, h_bar, bias, m):
    """Cotangents of z and, entry by entry, of the bias, from h = f(z)."""
    if not op.keeps_moduli:
        z_bar = split(xp, lambda *x: RECURRENT[op.activation].slope(xp, *x), h, h_bar)
        return z_bar, xp.sign(h) * h_bar if RECURRENT[op.activation].biased else None
    dead = m + bias <= 0
    scale = xp.where(dead, 1, m + bias) / m
    # z = h / scale; d modrelu: s z_bar - b/m^3 z Re(conj(z) h_bar), zero where dead.
    along = (xp.real(h) * xp.real(h_bar) + xp.imag(h) * xp.imag(h_bar)) / (scale * m)
    z_bar = scale * h_bar - bias / (m * m) * (h / scale) * along
    return xp.where(dead, 0, z_bar), xp.where(dead, 0, along)


def split(xp, f, *arrays):
    """``f`` on real arrays, or on real and imaginary parts apart."""
    if not xp.is_complex(arrays[0]):
        return f(*arrays)
    return xp.complex(f(*map(xp.real, arrays)), f(*map(xp.imag, arrays)))


def matrices(xp, a, stacked):
    """Complex matrix of a stacked one; a real one as it is."""
    return xp.complex(a[0], a[1]) if stacked else a


def planes(xp, z, stacked):
    """Inverse of `matrices`."""
    return xp.stack([xp.real(z), xp.imag(z)], 0) if stacked else z
