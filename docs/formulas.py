"""Formulas of the pages as MathML, which browsers render by themselves: a hook of mkdocs.

`pymdownx.arithmatex` finds the formulas, latex2mathml translates them; no script is loaded from anywhere.
"""

import html
import re

from latex2mathml.converter import convert

INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.S)
BLOCK = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.S)


def on_page_content(content, **kwargs):
    """The page's HTML, its formulas translated."""
    content = BLOCK.sub(lambda m: convert(html.unescape(m[1]), display="block"), content)
    return INLINE.sub(lambda m: convert(html.unescape(m[1])), content)
