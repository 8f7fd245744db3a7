"""Version of the kernels for PyTensor's numba cache on disk.

The cache knows an Op's class and properties, not the source of its kernel. The version is therefore
a digest of every source file that kernels are made of: any change to one compiles anew.
"""

from hashlib import sha256
from pathlib import Path

FOLDERS = ("link/numba", "core", "ops", "stacked")


def digest_of(root):
    """Number made of the sources below `FOLDERS` of a package's folder, rooms of several files too."""
    digest = sha256()
    for folder in FOLDERS:
        for source in sorted((root / folder).rglob("*.py")):
            digest.update(source.relative_to(root).as_posix().encode())
            digest.update(source.read_bytes())
    return int(digest.hexdigest()[:15], 16)


CACHE_VERSION = digest_of(Path(__file__).parents[2])
