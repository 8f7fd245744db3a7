"""Layers of Givens rotations, in the halves of `unitarygraph.ops.rotations.reference`."""


def rotations_array(xp, op, h, theta, phi=None):
    """`Rotations`."""
    layers = theta.shape[-2]
    halves = split(h, "fft" if op.style == "fft" and layers else "tunable")
    for layer in range(layers):
        angles = [load(op, a, layer, h.shape[-1]) for a in (theta, phi) if a is not None]
        i, j, put = paired(xp, op, halves, layer)
        c, s, *phase = factors(xp, i, *angles)
        a = i * phase[0] if phase else i
        halves = put(c * a + s * j, c * j - s * a)
        if op.style == "fft" and layer < layers - 1:
            halves = shuffle(xp, *halves)
    return interleave(xp, *halves)


def rotations_grad_array(xp, op, y, y_bar, theta, phi=None):
    """`RotationsGrad`."""
    layers, n = theta.shape[-2], y.shape[-1]
    z = xp.stack([y, y_bar], 0)
    halves = split(z, "tunable")
    thetas, phis = [], []
    for layer in reversed(range(layers)):
        if op.style == "fft" and layer < layers - 1:
            halves = unshuffle(xp, *halves)
        angles = [load(op, a, layer, n) for a in (theta, phi) if a is not None]
        i, j, put = paired(xp, op, halves, layer)
        c, s, *phase = factors(xp, y, *angles)
        thetas.append(store(xp, op, dot(xp, i[1], j[0]) - dot(xp, j[1], i[0]), layer, n))
        a = c * i - s * j
        if phase:
            turned = xp.sum(xp.imag(a[1] * xp.conj(a[0])), -2)
            phis.append(store(xp, op, turned, layer, n))
        halves = put(a * xp.conj(phase[0]) if phase else a, s * i + c * j)
    first, second = (half[1] for half in halves)
    if op.style == "fft" and layers:
        h_bar = xp.concatenate([first, second], -1)
    else:
        h_bar = interleave(xp, first, second)
    given = (thetas,) if phi is None else (thetas, phis)
    return (h_bar, *(xp.stack(bars[::-1], -2) if bars else theta for bars in given))


def factors(xp, like, theta, phi=None):
    """Cosine and sine as the rows' factors, and e^{i phi}."""
    c, s = xp.cos(theta)[..., None, :], xp.sin(theta)[..., None, :]
    if phi is None:
        return c, s
    return c, s, xp.complex(xp.cos(phi), xp.sin(phi))[..., None, :]


def dot(xp, a, b):
    """Re of the sum of conj(a) b over rows."""
    return xp.sum(xp.real(xp.conj(a) * b), -2)


def load(op, angles, layer, n):
    """Angles of a layer in the order in which the halves hold its pairs."""
    row = angles[..., layer, :]
    if op.style == "fft":
        shape = (*row.shape[:-1], 1 << layer, n >> (layer + 1))
        return row.reshape(shape).swapaxes(-2, -1).reshape(row.shape)
    return row[..., : (n - layer % 2) // 2]


def store(xp, op, values, layer, n):
    """The inverse of `load`, zero where there is no pair."""
    lead = values.shape[:-1]
    if op.style == "fft":
        shape = (*lead, n >> (layer + 1), 1 << layer)
        return values.reshape(shape).swapaxes(-2, -1).reshape(values.shape)
    missing = n // 2 - values.shape[-1]
    return xp.concatenate([values, xp.zeros((*lead, missing), values)], -1) if missing else values


def paired(xp, op, halves, layer):
    """The pairs of a layer, and the function that puts them back."""
    first, second = halves
    if op.style == "fft" or not layer % 2:
        count = second.shape[-1]

        def put(i, j):
            rest = first[..., count:]
            return (xp.concatenate([i, rest], -1) if rest.shape[-1] else i), j

        return first[..., :count], second, put
    count = first.shape[-1] - 1

    def put_between(i, j):
        rest = second[..., count:]
        joined = xp.concatenate([i, rest], -1) if rest.shape[-1] else i
        return xp.concatenate([first[..., :1], j], -1), joined

    return second[..., :count], first[..., 1:], put_between


def split(x, style):
    """Lower and upper half, or even and odd coordinates."""
    n = x.shape[-1]
    if style == "fft":
        return x[..., : n // 2], x[..., n // 2 :]
    return x[..., 0::2], x[..., 1::2]


def interleave(xp, first, second):
    """Coordinates of the even and the odd ones."""
    count = second.shape[-1]
    both = xp.stack([first[..., :count], second], -1)
    both = both.reshape((*both.shape[:-2], 2 * count))
    return both if first.shape[-1] == count else xp.concatenate([both, first[..., count:]], -1)


def shuffle(xp, first, second):
    """The lower halves of both, interleaved, and the upper halves."""
    middle = first.shape[-1] // 2
    return (
        interleave(xp, first[..., :middle], second[..., :middle]),
        interleave(xp, first[..., middle:], second[..., middle:]),
    )


def unshuffle(xp, first, second):
    """The inverse of `shuffle`."""
    return tuple(xp.concatenate([first[..., k::2], second[..., k::2]], -1) for k in (0, 1))
