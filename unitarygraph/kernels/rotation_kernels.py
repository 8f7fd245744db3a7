"""Kernels of the recurrence of rotations: rows of the batch, one in each lane, through all time steps.

A kernel takes the rows [first, last) of every step, so that threads may share a batch. It is a C function
of the address of one record (`FORWARD`, `BACKWARD`), compiled once for a dtype, a field and an activation
and kept in numba's cache on disk.
"""

import numpy as np
from numba import carray, cfunc

from unitarygraph.kernels.activations import number_of
from unitarygraph.kernels.blas import carray_at
from unitarygraph.kernels.lane_activations import activate, activate_back
from unitarygraph.kernels.lane_rows import (
    add_lanes,
    add_sums,
    choose_lanes,
    clear_lanes,
    copy_lanes,
    load_rows,
    pass_lanes,
    spread,
    store_rows,
)
from unitarygraph.kernels.options import KERNEL
from unitarygraph.kernels.records import record_type
from unitarygraph.kernels.recurrence_real import signature
from unitarygraph.kernels.rotation_layers import rotate_layers, rotate_layers_back, turn, turn_back
from unitarygraph.kernels.small.lane_numbers import BYTES, put_entry
from unitarygraph.kernels.version import KERNEL_VERSION
from unitarygraph.ops.activations import MODRELU_EPS, RECURRENT

# Addresses of arrays, sizes, flags; `alive` is written at the end.
SHARED = (
    *("h0", "bias", "mask", "states", "moduli", "coefficients", "phases"),
    *("T", "B", "n", "layers", "first", "last", "masked", "fft", "phases_first", "alive"),
)
FORWARD = record_type("drive", *SHARED)
BACKWARD = record_type(
    *("states_bar", "drive_bar", "theta_bar", "phi_bar", "omega_bar", "h0_bar", "bias_bar"),
    *SHARED,
)


def forward_kernel(dtype, planes, activation):
    """Kernel of a `FORWARD`; ``states`` may be ``drive``."""
    number, biased = number_of(activation), RECURRENT[activation].biased
    constant, eps = dtype(RECURRENT[activation].constant), dtype(MODRELU_EPS)
    lanes, keeps_moduli = BYTES // dtype().itemsize, biased and planes == 2
    version = KERNEL_VERSION

    @cfunc(signature(FORWARD), **KERNEL)
    def rotation_recurrence(address):
        given = carray(address, 1)[0]
        T, B, n, layers, fft = given.T, given.B, given.n, given.layers, given.fft != 0
        masked, phases_first, turns = given.masked != 0, given.phases_first != 0, planes == 2
        bias = carray_at(given.bias, n if biased else 0, dtype)
        coefficients = carray_at(given.coefficients, (layers, n // 2, 2 * planes), dtype)
        phases = carray_at(given.phases, (n if turns else 0, 2), dtype)
        memory = np.zeros((3 * planes * n + n + 2) * lanes, dtype)
        # Arrays of whole registers start at cache lines.
        place = (memory.ctypes.data + BYTES - 1) // BYTES * BYTES
        if planes == 2:
            arrays = carray_at(place, (3, 2, n, lanes), dtype)
        else:
            arrays = carray_at(place, (3, n, lanes), dtype)
        h, before, drive = arrays[0], arrays[1], arrays[2]
        place += 3 * planes * n * BYTES
        moduli = carray_at(place, (n if keeps_moduli else 0, lanes), dtype)
        kept = carray_at(place + n * BYTES, (1, lanes), dtype)
        row = n * BYTES // lanes
        gap = B * row
        for first in range(given.first, given.last, lanes):
            last = min(lanes, given.last - first) - 1
            load_rows(given.h0 + first * row, gap, last, h)
            for t in range(T):
                here = (t * planes * B + first) * row
                if masked:
                    copy_lanes(h, before)
                if turns and phases_first:
                    turn(h, n, phases)
                rotate_layers(h, n, layers, fft, turns, coefficients)
                if turns and not phases_first:
                    turn(h, n, phases)
                load_rows(given.drive + here, gap, last, drive)
                add_lanes(drive, h)
                activate(number, h, bias, moduli, constant, eps)
                if masked:
                    spread(given.mask + t * B + first, last, kept)
                    choose_lanes(kept, before, h)
                store_rows(h, given.states + here, gap, last)
                if keeps_moduli:
                    store_rows(moduli, given.moduli + (t * B + first) * row, 0, last)
        # Numba frees memory after its last use; and its key for its cache on disk holds what a kernel
        # reads, so the version must be read.
        given.alive = memory.size + version

    return rotation_recurrence


def backward_kernel(dtype, planes, activation):
    """Kernel of a `BACKWARD`.

    ``drive_bar`` may be ``states_bar``. What a step's layers were given is the state before; what they
    gave is computed again and goes back through them with its cotangent. The cotangents of angles and
    bias, in double, are this call's own, zero at the start.
    """
    number, biased = number_of(activation), RECURRENT[activation].biased
    constant = dtype(RECURRENT[activation].constant)
    lanes, keeps_moduli = BYTES // dtype().itemsize, biased and planes == 2
    version = KERNEL_VERSION

    @cfunc(signature(BACKWARD), **KERNEL)
    def rotation_recurrence_grad(address):
        given = carray(address, 1)[0]
        T, B, n, layers, fft = given.T, given.B, given.n, given.layers, given.fft != 0
        masked, phases_first, turns = given.masked != 0, given.phases_first != 0, planes == 2
        bias = carray_at(given.bias, n if biased else 0, dtype)
        coefficients = carray_at(given.coefficients, (layers, n // 2, 2 * planes), dtype)
        phases = carray_at(given.phases, (n if turns else 0, 2), dtype)
        angles = layers * (n // 2)
        memory = np.zeros((5 * planes * n + 3 * n + 2 * angles + 2) * lanes, dtype)
        # Arrays of whole registers start at cache lines.
        place = (memory.ctypes.data + BYTES - 1) // BYTES * BYTES
        if planes == 2:
            arrays = carray_at(place, (5, 2, n, lanes), dtype)
        else:
            arrays = carray_at(place, (5, n, lanes), dtype)
        state, h, h_bar, more, passed = arrays[0], arrays[1], arrays[2], arrays[3], arrays[4]
        place += 5 * planes * n * BYTES
        moduli = carray_at(place, (n if keeps_moduli else 0, lanes), dtype)
        place += n * BYTES
        # Sums over time, for each lane apart.
        sums = carray_at(place, (2 * (n + angles), lanes), dtype)
        omega_bar, bias_bar = sums[:n], sums[n : 2 * n]
        theta_bar, phi_bar = sums[2 * n : 2 * n + angles], sums[2 * n + angles :]
        kept = carray_at(place + 2 * (n + angles) * BYTES, (1, lanes), dtype)
        put_entry(kept, 0, 1)
        row = n * BYTES // lanes
        gap = B * row
        for first in range(given.first, given.last, lanes):
            last = min(lanes, given.last - first) - 1
            clear_lanes(h_bar)
            clear_lanes(sums)
            if T > 0:
                load_rows(given.states + ((T - 1) * planes * B + first) * row, gap, last, state)
            for t in range(T - 1, -1, -1):
                here = (t * planes * B + first) * row
                load_rows(given.states_bar + here, gap, last, more)
                add_lanes(more, h_bar)
                if masked:
                    spread(given.mask + t * B + first, last, kept)
                    pass_lanes(kept, h_bar, passed)
                if keeps_moduli:
                    load_rows(given.moduli + (t * B + first) * row, 0, last, moduli)
                activate_back(number, state, h_bar, bias, moduli, bias_bar, kept, constant)
                store_rows(h_bar, given.drive_bar + here, gap, last)
                before = given.states + here - planes * gap if t > 0 else given.h0 + first * row
                load_rows(before, gap, last, state)
                copy_lanes(state, h)
                if turns and phases_first:
                    turn(h, n, phases)
                rotate_layers(h, n, layers, fft, turns, coefficients)
                if turns and not phases_first:
                    turn(h, n, phases)
                    turn_back(h, h_bar, n, phases, omega_bar)
                rotate_layers_back(
                    h, h_bar, n, layers, fft, turns, coefficients, theta_bar, phi_bar
                )
                if turns and phases_first:
                    turn_back(h, h_bar, n, phases, omega_bar)
                if masked:
                    add_lanes(passed, h_bar)
            store_rows(h_bar, given.h0_bar + first * row, gap, last)
            add_sums(theta_bar, last, given.theta_bar)
            if turns:
                add_sums(phi_bar, last, given.phi_bar)
                add_sums(omega_bar, last, given.omega_bar)
            if biased:
                add_sums(bias_bar, last, given.bias_bar)
        # See `forward_kernel`.
        given.alive = memory.size + version

    return rotation_recurrence_grad
