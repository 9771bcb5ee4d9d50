"""Tables: one value that a terminal, a Markdown document and a CSV file show."""

import csv
import io
import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prettytable import PrettyTable, TableStyle

from .files import write_atomically

WIDTH = 120
_LONGEST_KEPT_WORD = 12
_BORDER = 3  # what a column adds to the width of its cells


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        name: Heading.
        align: ``'left'`` for text, which is folded where the table would be too wide;
            ``'right'`` for values, which never are.
        format: Format specification of its values, such as ``'.2f'``.
    """

    name: str
    align: Literal['left', 'right'] = 'right'
    format: str = ''

    def show(self, value: object) -> str:
        """A value as text and Markdown show it; a text stays as it is, None is a dash."""
        if value is None:
            return '-'
        return value if isinstance(value, str) else format(value, self.format)


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        title: What it shows.
        columns: The columns; their names differ.
        sections: Rows, in sections that are kept apart. A row has a value per column.
        notes: Sentences that stand under it.

    Raises:
        ValueError: If two columns share a name, or a row has more or fewer values than columns.

    Example:
        >>> table = Table('mIoU', [Column('step', 'left'), Column('all', format='.2f')],
        ...               [[[0, 74.137], [1, None]], [['average', 74.137]]])
        >>> print(table.text())
        mIoU
        ┌─────────┬───────┐
        │ step    │   all │
        ├─────────┼───────┤
        │ 0       │ 74.14 │
        │ 1       │     - │
        ├─────────┼───────┤
        │ average │ 74.14 │
        └─────────┴───────┘
    """

    title: str
    columns: Sequence[Column]
    sections: Sequence[Sequence[Sequence[object]]]
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if len({column.name for column in self.columns}) < len(self.columns):
            raise ValueError(f'{self.title}: two columns share a name')
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f'{self.title}: {len(self.columns)} columns, but the row {row}')

    @property
    def rows(self) -> list[Sequence[object]]:
        """The rows of all sections."""
        return [row for section in self.sections for row in section]

    def text(self, width: int = WIDTH) -> str:
        """Title, box and notes, for a terminal.

        Args:
            width: Characters that the box may take. Text and headings are folded to fit; values
                stay whole, so a table of many values can be wider. Title and notes are not
                folded: a path in them can be copied.

        Returns:
            The lines.
        """
        pretty = PrettyTable([str(place) for place in range(len(self.columns))])
        pretty.set_style(TableStyle.SINGLE_BORDER)
        pretty.header = False  # it would not fold; the headings are the first section
        for place, column in enumerate(self.columns):
            pretty.align[str(place)] = column.align[0]
        sections = [[[column.name for column in self.columns]], *self._shown()]
        widths = self._fitting_widths([row for section in sections for row in section], width)
        for section in sections:
            for row in section:
                folded = ['\n'.join(textwrap.wrap(*cell)) for cell in zip(row, widths, strict=True)]
                pretty.add_row(folded, divider=row is section[-1])
        return '\n'.join([self.title, pretty.get_string(), *self.notes])

    def markdown(self) -> str:
        """Heading, table and list of notes; an empty row keeps two sections apart."""
        pretty = PrettyTable([_escaped(column.name) for column in self.columns])
        pretty.set_style(TableStyle.MARKDOWN)
        for name, column in zip(pretty.field_names, self.columns, strict=True):
            pretty.align[name] = column.align[0]
        for place, section in enumerate(self._shown()):
            if place:
                pretty.add_row([''] * len(self.columns))
            pretty.add_rows([list(map(_escaped, row)) for row in section])
        notes = '\n'.join(f'- {note}' for note in self.notes)
        parts = [f'# {self.title}', pretty.get_string(), notes]
        return '\n\n'.join(part for part in parts if part)

    def csv(self) -> str:
        """Headings and values, unrounded; nothing stands where there is no value."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator='\n')
        writer.writerow([column.name for column in self.columns])
        writer.writerows(self.rows)
        return text.getvalue()

    def _shown(self) -> list[list[list[str]]]:
        return [
            [[c.show(value) for c, value in zip(self.columns, row, strict=True)] for row in section]
            for section in self.sections
        ]

    def _fitting_widths(self, rows: Sequence[Sequence[str]], width: int) -> list[int]:
        """Widths of the columns: headings are folded first, then the widest text each time."""
        heads, cells = rows[0], list(zip(*rows[1:], strict=True)) or [()] * len(rows[0])
        needed = [max(map(len, column), default=0) for column in cells]
        natural = [max(*sizes, 1) for sizes in zip(needed, map(len, heads), strict=True)]
        room = width - _BORDER * len(heads) - 1
        if sum(natural) <= room:
            return natural
        words = [_longest_word([head]) for head in heads]
        widths = [max(*sizes, 1) for sizes in zip(needed, words, strict=True)]
        least = [
            max(word, min(_longest_word(column), _LONGEST_KEPT_WORD)) if c.align == 'left' else size
            for c, column, word, size in zip(self.columns, cells, words, widths, strict=True)
        ]
        while sum(widths) > room:
            foldable = [place for place, size in enumerate(widths) if size > max(least[place], 1)]
            if not foldable:
                break
            widths[max(foldable, key=widths.__getitem__)] -= 1
        return widths


def write_table(
    table: Table,
    stem: str | os.PathLike,
    data: Table | None = None,
    picture: str | None = None,
) -> list[Path]:
    """Write a table as text, Markdown and CSV beside each other, each file whole or not at all.

    Args:
        table: The table.
        stem: Path without suffix; its folder is made.
        data: What the CSV holds, where it is more than text and Markdown show.
        picture: File name of a picture beside it, which the Markdown then shows.

    Returns:
        The files: ``.txt``, ``.md``, ``.csv``.

    Raises:
        OSError: If the folder cannot be written.
    """
    shown = [table.markdown(), *([f'![{table.title}]({picture})'] if picture else [])]
    contents = {
        '.txt': table.text() + '\n',
        '.md': '\n\n'.join(shown) + '\n',
        '.csv': (data or table).csv(),
    }
    Path(stem).parent.mkdir(parents=True, exist_ok=True)
    # a name such as `lr=0.1` has no suffix that could be replaced
    paths = {suffix: Path(f'{os.fspath(stem)}{suffix}') for suffix in contents}
    for suffix, path in paths.items():
        write_atomically(path, contents[suffix])
    return list(paths.values())


def _escaped(text: str) -> str:
    """Text of a Markdown cell, which a bar or an end of line would end."""
    return ' '.join(text.splitlines()).replace('|', r'\|')


def _longest_word(texts: Sequence[str]) -> int:
    return max((len(word) for text in texts for word in text.split()), default=0)
