"""Compiled functions that only compiled functions call, made for half of what they cost otherwise.

numba optimizes each function with all that it calls, emits its machine code and loads that, in case
Python calls it; and its caller, which has the function linked in, begins again. An inner function stays
as it was lowered: what it calls is linked in and nothing more, so that LLVM works once on the whole, in
the kernel that Python holds. There it also sees the callers' constants.
"""

from numba import _dynfunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import LoweringPass, register_pass
from numba.core.typed_passes import NativeLowering


class InnerLibrary(JITCodeLibrary):
    """Code to be linked into others, which no engine knows."""

    def _optimize_final_module(self):
        """Leave that to the library that this one is linked into."""

    def _finalize_final_module(self):
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


@register_pass(mutates_CFG=False, analysis_only=False)
class OfferToCallers(LoweringPass):
    """Make a lowered function known to the functions that call it."""

    _name = "offer_to_callers"

    def __init__(self):
        LoweringPass.__init__(self)

    def run_pass(self, state):
        """Register it under an object of its own, the place of machine code; nothing may call that."""
        lowered = state["cr"]
        name = lowered.fndesc.qualname.split(".")[-1]
        key = _dynfunc.make_function(
            lowered.fndesc.lookup_module(), name, "", 0, lowered.env, (state.library,)
        )
        state.targetctx.insert_user_function(key, lowered.fndesc, [state.library])
        state["cr"] = lowered._replace(cfunc=key)
        return True


class InnerCompiler(CompilerBase):
    """numba's pipeline for functions that are linked into their callers and never run themselves."""

    def define_pipelines(self):
        state = self.state
        state.flags = state.flags.copy()
        state.flags.no_compile = True
        state.library = InnerLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        pipeline = DefaultPassBuilder.define_nopython_pipeline(state)
        pipeline.add_pass_after(OfferToCallers, NativeLowering)
        pipeline.finalize()
        return [pipeline]
