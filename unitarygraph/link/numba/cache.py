"""Version of our functions in PyTensor's numba cache on disk.

The cache knows an Op's class and properties, not the source of what computes it.
"""

from unitarygraph.kernels.version import source_digest

FOLDERS = ("link/numba", "kernels", "core", "ops", "stacked")
CACHE_VERSION = source_digest(*FOLDERS)
