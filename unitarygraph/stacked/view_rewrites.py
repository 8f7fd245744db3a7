"""Rewrites that take the Ops between plain and complex variables out of a graph."""

from pytensor.compile.mode import optdb
from pytensor.graph.rewriting.basic import in2out, node_rewriter
from pytensor.tensor.rewriting.basic import register_canonicalize, register_useless

from unitarygraph.stacked.variables import Complex, ComplexVariable, Stacked


@register_useless("fast_compile")
@register_canonicalize("fast_compile")
@node_rewriter([Complex])
def local_complex(fgraph, node):
    """A variable marked as complex -> its storage."""
    return node.inputs


@register_useless("fast_compile")
@register_canonicalize("fast_compile")
@node_rewriter([Stacked])
def local_stacked_of_complex(fgraph, node):
    """The storage of a variable marked as complex, or of a plain one -> that storage."""
    return None if isinstance(node.inputs[0], ComplexVariable) else node.inputs


@node_rewriter([Stacked])
def local_stacked(fgraph, node):
    """The storage of a complex variable -> the variable."""
    return node.inputs


# After all rewrites that write arithmetic, before those that fuse loops and work in place (49 on); and
# once more after these, since an Op that is made anew of a complex variable asks for its storage again.
for _name, _position in (("unitarygraph_stacked", 48), ("unitarygraph_stacked_again", 99)):
    optdb.register(_name, in2out(local_stacked), "fast_run", "fast_compile", position=_position)
