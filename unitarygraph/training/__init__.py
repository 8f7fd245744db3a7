"""Training: settings, compiled functions, loop, run directory, checkpoints, metrics, pictures.

Needs the extra ``train``; ``import unitarygraph`` does not load it.
"""
