"""Versions of compiled code: caches on disk know neither the files it came from nor those they use.

A version is a digest of source files: any change to one compiles anew.
"""

from hashlib import sha256
from pathlib import Path

_ROOT = Path(__file__).parents[1]


def source_digest(*sources, root=_ROOT):
    """60-bit digest of files and of all files in folders, relative to the library's own."""
    digest = sha256()
    for source in sources:
        path = root / source
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(str(file.relative_to(root)).encode())
            digest.update(file.read_bytes())
    return int(digest.hexdigest()[:15], 16)


#: of the compiled loops in this folder, and the activations and polynomials that they are given
KERNEL_VERSION = source_digest(
    "kernels",
    "ops/activations.py",
    "ops/expm/taylor_polynomials.py",
    "ops/expm/taylor_scaling.py",
)
