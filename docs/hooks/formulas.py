"""Formulas as MathML, which browsers draw by themselves: no script, no font, no network."""

import re
from html import unescape

from latex2mathml.converter import convert

_FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<tex>.*?)\\[)\]]</(?P=tag)>', re.DOTALL
)


def on_page_content(html: str, **_: object) -> str:
    """Replace what ``pymdownx.arithmatex`` has marked."""
    return _FORMULA.sub(_mathml, html)


def _mathml(formula: re.Match) -> str:
    display = 'inline' if formula['tag'] == 'span' else 'block'
    return convert(unescape(formula['tex']), display=display)
