"""Update rules: ``rule(loss_or_grads, params, learning_rate, ...)`` -> {shared variable: new value}.

The dictionaries go to ``pytensor.function(updates=...)`` and merge with ``|``. Parameters of
manifolds and of flat space mix freely; a plain ``pytensor.shared`` is one of flat space.
"""

from unitarygraph.updates.adam import adam
from unitarygraph.updates.clipping import clip, total_norm_constraint
from unitarygraph.updates.momentum import momentum
from unitarygraph.updates.rmsprop import rmsprop
from unitarygraph.updates.sgd import sgd

__all__ = ["adam", "clip", "momentum", "rmsprop", "sgd", "total_norm_constraint"]
