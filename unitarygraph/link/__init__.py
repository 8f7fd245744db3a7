"""The mode KERNELS, and kernels for PyTensor's backends, registered when PyTensor first uses them.

PyTensor loads a backend's dispatch module on the first compilation for it and has no hook for
third-party Ops. `register_when_used` imports our kernels right after that module, through a finder
on `sys.meta_path`, so that ``import unitarygraph`` loads no backend.
"""

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.util import find_spec

KERNELS = {
    "pytensor.link.numba.dispatch": "unitarygraph.link.numba",
    "pytensor.link.jax.dispatch": "unitarygraph.link.jax",
    "pytensor.link.pytorch.dispatch": "unitarygraph.link.pytorch",
}


class _LoaderWithKernels(Loader):
    """The module's own loader, followed by the import of our kernels."""

    def __init__(self, loader, kernels):
        self._loader, self._kernels = loader, kernels

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        import_module(self._kernels)

    def __getattr__(self, name):
        return getattr(self._loader, name)


class _KernelFinder(MetaPathFinder):
    """Finds the dispatch modules of `KERNELS` as usual and wraps their loaders, once each."""

    def __init__(self):
        self._pending = dict(KERNELS)

    def find_spec(self, name, path=None, target=None):
        kernels = self._pending.pop(name, None)
        if kernels is None:
            return None
        # The name has left `_pending`, so this look-up passes over this finder.
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _LoaderWithKernels(spec.loader, kernels)
        return spec


def register_when_used():
    """Register the mode, and the kernels of each backend now if PyTensor has loaded it, else then."""
    import_module("unitarygraph.link.python")
    for dispatch, kernels in KERNELS.items():
        if dispatch in sys.modules:
            import_module(kernels)
    if not any(isinstance(finder, _KernelFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _KernelFinder())
