"""Cross-entropy and hits of class scores, as graphs every backend compiles (no indexing); last steps."""

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
    _, own = _classes(scores, labels)
    return -pt.sum(own.astype(scores.dtype) * log_softmax(scores), axis=-1)


def hits(scores: TensorVariable, labels: TensorVariable) -> TensorVariable:
    """Return 1 where the first of the highest scores is that of the label and 0 elsewhere, as floats.

    ``(..., C), integer (...) -> (...)``, dtype of the scores; 0 where the label's score is NaN. By
    comparisons: PyTensor's argmax takes numba longer to compile than all the rest of an evaluation.
    """
    classes, own = _classes(scores, labels)
    score = pt.sum(pt.switch(own, scores, pt.zeros_like(scores)), axis=-1, keepdims=True)
    later = pt.ge(classes, labels[..., None])
    beaten = pt.lt(scores, score) | (pt.eq(scores, score) & later)
    return pt.all(beaten, axis=-1).astype(scores.dtype)


def last_step(mask: TensorVariable) -> TensorVariable:
    """1 at the last valid step of each sequence and 0 elsewhere: (T, B) -> (T, B)."""
    return mask - pt.concatenate([mask[1:], pt.zeros_like(mask[:1])])


def _classes(scores, labels):
    """Numbers of the classes, and which of the scores are those of the labels."""
    classes = np.arange(scores.type.shape[-1], dtype=labels.dtype)
    return classes, pt.eq(labels[..., None], classes)
