"""Docstrings speak reStructuredText, as Python's own tools read it; the site speaks Markdown."""

import re
import textwrap

from griffe import Extension, Object

_MATH = re.compile(r':math:`(.+?)`', re.DOTALL)
_ROLE = re.compile(r':[a-z]+:`(~?)([^`]+)`')
_CODE = re.compile(r'^\.\. code:: (\w+)\n\n((?:[ ]+.*\n|\n)*[ ]+.*)', re.MULTILINE)
_EXAMPLE = re.compile(r'^Example:$', re.MULTILINE)


class MarkdownDocstrings(Extension):
    """Rewrite formulas, roles, blocks of code and the heading of examples, which are doctests."""

    def on_object(self, *, obj: Object, **_: object) -> None:
        """Rewrite a docstring before it is taken apart."""
        if obj.docstring is None:
            return
        text = _MATH.sub(r'$\1$', obj.docstring.value)
        text = _ROLE.sub(lambda role: f'`{_short(role[2]) if role[1] else role[2]}`', text)
        text = _CODE.sub(
            lambda code: f'```{code[1]}\n{textwrap.dedent(code[2]).strip()}\n```', text
        )
        obj.docstring.value = _EXAMPLE.sub('Examples:', text)


def _short(name: str) -> str:
    return name.rpartition('.')[2]
