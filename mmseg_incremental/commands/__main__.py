"""``mmseg-incremental COMMAND ...``: imports the chosen command, and no other."""

import argparse
import ast
import importlib
import pkgutil
import shutil
import textwrap
from pathlib import Path

from .. import __version__
from ..utils.arguments import PROGRAM
from ..utils.close_names import close_names

FOLDER = Path(__file__).parent


def summaries() -> dict[str, str]:
    """Every command and its summary, read without importing it.

    Returns:
        Name as it is typed to the first line of the module's docstring.
    """
    names = sorted(found.name for found in pkgutil.iter_modules([str(FOLDER)]))
    return {
        name.replace('_', '-'): _first_line(FOLDER / f'{name}.py')
        for name in names
        if not name.startswith('_')
    }


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) or '').split('\n')[0]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command's name; its own arguments stay as they are."""
    known = summaries()
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description='Class-incremental semantic segmentation.',
        epilog=f'commands:\n{_listing(known)}\n\n{PROGRAM} COMMAND --help tells more.',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'%(prog)s {__version__}')
    parser.add_argument('command', nargs='?', metavar='COMMAND', help='one of those below')
    parser.add_argument('arguments', nargs=argparse.REMAINDER, help="the command's own")
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help()
        parser.exit(2)
    if args.command not in known:
        parser.error(f'unknown command {args.command!r}; {close_names(args.command, known)}')
    return args


def _listing(known: dict[str, str]) -> str:
    """Commands with their summaries, folded to the width of the terminal."""
    indent = max(map(len, known)) + 4
    width = shutil.get_terminal_size().columns - 2
    return '\n'.join(
        textwrap.fill(f'  {name:{indent - 2}}{text}', width, subsequent_indent=' ' * indent)
        for name, text in known.items()
    )


def main(argv: list[str] | None = None) -> None:
    """Run a command."""
    args = parse_args(argv)
    module = args.command.replace('-', '_')
    importlib.import_module(f'{__package__}.{module}').main(args.arguments)


if __name__ == '__main__':
    main()
