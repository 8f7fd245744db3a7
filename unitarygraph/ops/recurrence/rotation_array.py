"""The recurrence of rotations and its gradient as loops over time, over an array namespace."""

from unitarygraph.ops.recurrence.array import activate, matrices, planes, slope
from unitarygraph.ops.rotations.array import rotations_array, rotations_grad_array


def forward(xp, op, drive, theta, phi, omega, h0, bias, mask):
    """`RotationRecurrence`: states and moduli."""
    op.sizes([tuple(v.shape) for v in (drive, theta, phi, omega, h0, bias, mask)])
    stacked = op.field == "complex"
    angles = (theta, phi) if stacked else (theta,)
    phases = phases_of(xp, op, omega)

    def step(h, given):
        z = layers(xp, op, h, angles, phases) + matrices(xp, given[0], stacked)
        new, modulus = activate(xp, op, z, bias)
        h = xp.where(given[1][:, None], new, h) if op.masked else new
        return h, (planes(xp, h, stacked), *modulus)

    given = (drive, mask) if op.masked else (drive,)
    _, (states, *moduli) = xp.scan(step, matrices(xp, h0, stacked), given)
    return states, *(moduli or [xp.zeros((0, 0, 0), like=drive)])


def backward(xp, op, drive, theta, phi, omega, h0, bias, mask, states, moduli, states_bar):
    """`RotationRecurrenceGrad`: cotangents of drive, theta, phi, omega, h0 and bias."""
    stacked = op.field == "complex"
    angles = (theta, phi) if stacked else (theta,)
    phases = phases_of(xp, op, omega)
    before = xp.concatenate([h0[None], states])[:-1]
    given = {"state": states, "before": before, "bar": states_bar}
    if op.keeps_moduli:
        given["modulus"] = moduli
    if op.masked:
        given["keep"] = mask
    names = tuple(given)

    def step(carry, arrays):
        h_bar, angles_bar, omega_bar, bias_bar = carry
        here = dict(zip(names, arrays, strict=True))
        h_bar = h_bar + matrices(xp, here["bar"], stacked)
        h = matrices(xp, here["state"], stacked)
        z_bar, b_bar = slope(xp, op, h, h_bar, bias, here.get("modulus"))
        if op.masked:
            keep = here["keep"][:, None]
            z_bar = xp.where(keep, z_bar, 0)
            b_bar = xp.where(keep, b_bar, 0) if op.biased else b_bar
        if op.biased:
            bias_bar = bias_bar + xp.sum(b_bar, 0)
        y, y_bar = matrices(xp, here["before"], stacked), z_bar
        if stacked and op.diagonal == "first":
            y = y * phases
        y = rotations_array(xp, op, y, *angles)
        if stacked and op.diagonal == "last":
            y_bar = y_bar * xp.conj(phases)
            omega_bar = omega_bar + turned(xp, y, y_bar)
        y_bar, *parts = rotations_grad_array(xp, op, y, y_bar, *angles)
        angles_bar = tuple(a + b for a, b in zip(angles_bar, parts, strict=True))
        if stacked and op.diagonal == "first":
            y_bar = y_bar * xp.conj(phases)
            omega_bar = omega_bar + turned(xp, matrices(xp, here["before"], stacked), y_bar)
        h_bar = xp.where(keep, y_bar, h_bar) if op.masked else y_bar
        return (h_bar, angles_bar, omega_bar, bias_bar), planes(xp, z_bar, stacked)

    carry = (
        xp.zeros_like(matrices(xp, h0, stacked)),
        tuple(xp.zeros_like(a) for a in angles),
        xp.zeros_like(omega),
        xp.zeros_like(bias),
    )
    carry, drive_bar = xp.scan(step, carry, tuple(given.values()), reverse=True)
    h0_bar, (theta_bar, *phi_bar), omega_bar, bias_bar = carry
    phi_bar = phi_bar[0] if stacked else xp.zeros_like(phi)
    return drive_bar, theta_bar, phi_bar, omega_bar, planes(xp, h0_bar, stacked), bias_bar


def phases_of(xp, op, omega):
    """e^{i omega}; None in the real field."""
    return xp.complex(xp.cos(omega), xp.sin(omega)) if op.field == "complex" else None


def layers(xp, op, h, angles, phases):
    """h F_1 ... F_L D or h D F_1 ... F_L."""
    if phases is not None and op.diagonal == "first":
        h = h * phases
    h = rotations_array(xp, op, h, *angles)
    return h * phases if phases is not None and op.diagonal == "last" else h


def turned(xp, y, y_bar):
    """Cotangents of the phases that turned y, from y before them and its cotangent."""
    return xp.sum(xp.imag(y_bar * xp.conj(y)), -2)
