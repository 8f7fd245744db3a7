"""The machine in words, the threads that all contenders get, and the peers that are installed."""

import os
import platform
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

PACKAGES = ("pytensor", "numpy", "scipy", "numba", "torch", "jax", "geotorch", "geoopt", "pymanopt")
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


def cores():
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def use_threads(count):
    """Give every library ``count`` threads; to be called before any of them is imported.

    Freed memory is kept as well, for all contenders alike: else each page of a large temporary array
    costs at its first touch, in every call anew. `unitarygraph train` does so for its runs.
    XLA has no such variable: it counts the cores that the process may use.
    """
    for name in THREADS:
        os.environ[name] = str(count)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
    import_module("unitarygraph.training.process").keep_freed_memory()


def processor():
    """The processor's name."""
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def machine():
    """Processor, threads, Python and the versions of all packages that take part."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "processor": processor(),
        "threads": cores(),
        "python": platform.python_version(),
        "versions": versions,
    }


def have(peer):
    """Whether a peer is installed; says so where not."""
    if find_spec(peer) is not None:
        return True
    print(f"{peer} is not installed: left out", flush=True)
    return False
