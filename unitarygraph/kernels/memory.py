"""Large pages for large results: the first touch of an array of all steps costs less."""

import ctypes
import mmap

# Arrays below this many bytes are not worth the call.
LARGE = 1 << 24
_ADVICE = getattr(mmap, "MADV_HUGEPAGE", None)


def prefer_huge_pages(array):
    """Ask the system, where it knows how, to back an array that nobody has written yet."""
    if _ADVICE is None or array.nbytes < LARGE:
        return
    page = mmap.PAGESIZE
    first = -(-array.ctypes.data // page) * page
    length = (array.ctypes.data + array.nbytes - first) // page * page
    # Advice only: where it is refused, pages stay small.
    ctypes.CDLL(None).madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), _ADVICE)
