"""Update rules: ``rule(loss_or_grads, params, learning_rate, ...)`` -> {shared variable: new value}.

The dictionaries go to ``pytensor.function(updates=...)`` and merge with ``|``. Parameters of
manifolds and of flat space mix freely; a plain ``pytensor.shared`` is one of flat space.
What changes gradients goes into a rule in the loss's place, what changes updates around it; rates
may be `schedules`:

>>> import numpy as np, unitarygraph as ug
>>> from unitarygraph.updates import adam, freeze, l2_decay, schedules
>>> W, b = ug.parameter(np.ones((2, 2)), name="W"), ug.parameter(np.zeros(2), name="b")
>>> step, count = schedules.step_counter()
>>> rate = schedules.cosine(step, 1e-3, steps=1000)
>>> grads = l2_decay((W @ W + b).sum(), [W, b], 1e-4)
>>> updates = freeze(adam(grads, [W, b], rate), {b: [True, False]}) | count
"""

from unitarygraph.updates import schedules
from unitarygraph.updates.adadelta import adadelta
from unitarygraph.updates.adagrad import adagrad
from unitarygraph.updates.adam import adam
from unitarygraph.updates.adam_g import adam_g
from unitarygraph.updates.adamax import adamax
from unitarygraph.updates.adamw import adamw
from unitarygraph.updates.amsgrad import amsgrad
from unitarygraph.updates.clipping import clip, row_norm_constraint, total_norm_constraint
from unitarygraph.updates.decay import decoupled_decay, l2_decay
from unitarygraph.updates.landing import landing
from unitarygraph.updates.lion import lion
from unitarygraph.updates.masks import freeze
from unitarygraph.updates.momentum import momentum
from unitarygraph.updates.muon import muon
from unitarygraph.updates.natural_gradient import augmented, natural_gradient
from unitarygraph.updates.nesterov import nesterov_momentum
from unitarygraph.updates.project_after import project_after
from unitarygraph.updates.projunn import projunn
from unitarygraph.updates.rmsprop import rmsprop
from unitarygraph.updates.sgd import sgd
from unitarygraph.updates.sgd_g import sgd_g
from unitarygraph.updates.stiefel_muon import stiefel_muon

__all__ = [
    "adadelta",
    "adagrad",
    "adam",
    "adam_g",
    "adamax",
    "adamw",
    "amsgrad",
    "augmented",
    "clip",
    "decoupled_decay",
    "freeze",
    "l2_decay",
    "landing",
    "lion",
    "momentum",
    "muon",
    "natural_gradient",
    "nesterov_momentum",
    "project_after",
    "projunn",
    "rmsprop",
    "row_norm_constraint",
    "schedules",
    "sgd",
    "sgd_g",
    "stiefel_muon",
    "total_norm_constraint",
]
