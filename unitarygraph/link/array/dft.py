"""Discrete Fourier transform."""


def dft(xp, op, h):
    """`DFT`."""
    return (xp.ifft if op.inverse else xp.fft)(h, norm="ortho")
