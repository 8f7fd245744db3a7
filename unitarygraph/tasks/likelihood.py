"""Cross-entropy and hits of class scores, as graphs every backend compiles (no indexing)."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from unitarygraph.ops.log_softmax import log_softmax


def negative_log_likelihood(scores: TensorVariable, labels: TensorVariable) -> TensorVariable:
    r"""Return :math:`-\log \mathrm{softmax}(s)_y` with the class axis summed away.

    ``(..., C), integer (...) -> (...)``, dtype of the scores. C must be known when the graph is
    built.
    """
    classes = np.arange(scores.type.shape[-1], dtype=labels.dtype)
    one_hot = pt.eq(labels[..., None], classes).astype(scores.dtype)
    return -pt.sum(one_hot * log_softmax(scores), axis=-1)


def hits(scores: TensorVariable, labels: TensorVariable) -> TensorVariable:
    """Return 1 where the highest score is that of the label and 0 elsewhere, as floats."""
    return pt.eq(pt.argmax(scores, axis=-1), labels).astype(scores.dtype)
