"""What the command lines of several commands share; nothing here imports PyTorch."""

import argparse
import shlex
import sys
import textwrap
from collections.abc import Sequence

PROGRAM = 'mmseg-incremental'


def command_parser(module: str, doc: str, epilog: str | None = None) -> argparse.ArgumentParser:
    """A command's parser, without arguments yet.

    Args:
        module: ``__name__`` of the command's module.
        doc: Its docstring, which the help begins with.
        epilog: Examples and more, which the help ends with.
    """
    return argparse.ArgumentParser(
        prog=f'{PROGRAM} {command_name(module)}',
        description=doc,
        epilog=epilog,
        formatter_class=_HelpFormatter,
    )


class _HelpFormatter(argparse.HelpFormatter):
    """Folds paragraphs to the width of the terminal, and leaves those with commands as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return '\n\n'.join(
            paragraph if '\n  ' in paragraph else textwrap.fill(paragraph, width)
            for paragraph in text.split('\n\n')
        )


def command_name(module: str) -> str:
    """A command as it is typed.

    >>> command_name('mmseg_incremental.commands.make_shapes')
    'make-shapes'
    """
    return module.rpartition('.')[2].replace('_', '-')


def typed_command(module: str, argv: Sequence[str] | None) -> str:
    """The command line that was typed, for a report.

    Args:
        module: ``__name__`` of the command's module.
        argv: Its arguments, those of the process if None.
    """
    return shlex.join([PROGRAM, command_name(module), *(sys.argv[1:] if argv is None else argv)])


class KeyValues(argparse.Action):
    """``KEY=VALUE ...`` as a dict, read as MMEngine does, which is imported where one is given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Sequence[str],
        option_string: str | None = None,
    ) -> None:
        """Read the values; later ones of a key count."""
        from mmengine.config import DictAction

        if wrong := next((text for text in values if '=' not in text), None):
            parser.error(f'{option_string} takes KEY=VALUE, not {wrong!r}')
        read = DictAction(self.option_strings, self.dest, nargs=self.nargs)
        try:
            read(parser, namespace, values, option_string)
        except AssertionError as error:
            parser.error(f'{option_string}: {error}')


def add_cfg_options(parser: argparse.ArgumentParser | argparse._ArgumentGroup, use: str) -> None:
    """Add ``--cfg-options``, a dict that is empty by default.

    Args:
        parser: The parser or a group of it.
        use: What it is for.
    """
    parser.add_argument(
        '--cfg-options', nargs='+', action=KeyValues, default={}, metavar='KEY=VALUE', help=use
    )


def add_launcher(parser: argparse.ArgumentParser, script: str | None = None) -> None:
    """Add ``--launcher`` and torchrun's ``--local-rank``.

    Args:
        parser: The parser.
        script: The script that sets it.
    """
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='launcher of a distributed run' + (f'; {script} sets it' if script else ''),
    )
    parser.add_argument('--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Add ``--quiet``.

    Args:
        parser: The parser.
    """
    parser.add_argument(
        '--quiet', action='store_true', help='print nothing but warnings and errors'
    )


def positive(text: str) -> int:
    """A positive whole number of the command line.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'must be a positive whole number, got {text!r}')
    return int(text)
