"""Version of the kernels for PyTensor's numba cache on disk.

The cache knows an Op's class and properties, not the source of its kernel. The version is therefore
a digest of every source file that kernels are made of: any change to one compiles anew.
"""

from hashlib import sha256
from pathlib import Path

import unitarygraph

_ROOT = Path(unitarygraph.__file__).parent


def _digest():
    digest = sha256()
    for folder in ("link/numba", "core", "ops", "stacked"):
        for source in sorted((_ROOT / folder).glob("*.py")):
            digest.update(source.name.encode())
            digest.update(source.read_bytes())
    return int(digest.hexdigest()[:15], 16)


CACHE_VERSION = _digest()
