"""A kept page, for a browser that is to show it and do nothing else."""

from typing import Final

from .text import outermost, parse

# What runs, loads, or leads elsewhere by itself.
_ACTIVE: Final = (
    "script, noscript, template, link, base, meta, iframe, frame, object, embed, applet, portal, fencedframe, svg, math"
)


def inert(markup: str) -> str:
    """Return a page without what a browser runs, loads or follows by itself. Raise :class:`Unparsable`.

    Attributes stay: the policy that the page is shown under has to forbid what they ask for.
    """
    tree = parse(markup)
    for node in outermost(tree.css(_ACTIVE)):
        node.decompose()
    return tree.html or ""
