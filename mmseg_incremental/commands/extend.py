"""Add classes to a trained model, from pictures on which only the new classes are labelled."""

import argparse

from ..errors import InputError
from ..utils.arguments import add_cfg_options, add_launcher, add_quiet, command_parser

EPILOG = """examples:
  mmseg-incremental extend model.py model.pth --add cat --data-root data/cats --dry-run
  mmseg-incremental extend model.py model.pth --add cat --data-root data/cats --new-val 0.2
  mmseg-incremental extend work_dirs/extend/step_1.py work_dirs/extend/step_1.pth --add dog \\
      --data-root data/dogs --work-dir work_dirs/extend_again

DIR holds pictures and masks (8-bit PNG), such as images/ and masks/. In a mask the first new class
is 1, the second one 2, ...; 0 is what is not labelled, which may be any old class; 255 is ignored.

WORK_DIR then holds step_1.py and step_1.pth, a plain mmseg model with the new classes, and
report.md; step_0 is the model as it was."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument('config', help='config of the model, any of mmseg')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('--work-dir', default='work_dirs/extend', help='(default: %(default)s)')
    parser.add_argument('--resume', action='store_true', help='go on with an interrupted run')
    parser.add_argument(
        '--dry-run', action='store_true', help='say what is understood, and train nothing'
    )
    _add_classes(parser.add_argument_group('the classes'))
    _add_pictures(parser.add_argument_group('the pictures'))
    _add_training(parser.add_argument_group('the training'))
    add_cfg_options(parser, 'config entries')
    add_quiet(parser)
    add_launcher(parser)
    return parser.parse_args(argv)


def _add_classes(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--add', nargs='+', required=True, metavar='CLASS', help='the new classes')
    group.add_argument(
        '--classes',
        nargs='+',
        metavar='NAME',
        help='names of the channels of the model, where its checkpoint does not have them',
    )
    group.add_argument(
        '--labels',
        nargs='+',
        default=[],
        metavar='CLASS=VALUE',
        help='values of the new classes in the masks (default: 1, 2, ...)',
    )
    group.add_argument(
        '--unlabelled',
        nargs='+',
        type=int,
        metavar='VALUE',
        help='values that may be any old class (default: 0)',
    )


def _add_pictures(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--data-root', required=True, metavar='DIR', help='the new pictures')
    group.add_argument(
        '--new-val', type=float, metavar='SHARE', help='keep this share of the pictures for a test'
    )
    group.add_argument(
        '--old-data-root',
        metavar='DIR',
        help='labelled pictures of the old classes, to measure what is forgotten',
    )


def _add_training(group: argparse._ArgumentGroup) -> None:
    help_text = (
        'a method, such as mib, plop or ft (default: mib with the feature distillation of plop)'
    )
    group.add_argument('--method', help=help_text)
    group.add_argument('--iters', type=int, help='iterations (default: 250)')
    rate = 'learning rate (default: 0.005, without batch normalisation in the backbone 0.02)'
    group.add_argument('--lr', type=float, help=rate)
    group.add_argument('--batch-size', type=int, help='pictures per iteration (default: 8)')
    group.add_argument(
        '--crop-size',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        help='size of a crop (default: that of the model)',
    )


def config_options(args: argparse.Namespace) -> dict[str, object]:
    """Entries of the config ``extend`` that the command line sets, by dotted key.

    Raises:
        InputError: If a label cannot be read.
    """
    labels = {}
    if args.labels:
        labels['classes'] = dict(map(_label, args.labels))
    if args.unlabelled is not None:
        labels['unlabelled'] = args.unlabelled
    given = {
        'base.config': args.config,
        'base.checkpoint': args.checkpoint,
        'base.classes': args.classes,
        'task.add': args.add,
        'data_root': args.data_root,
        'labels': labels or None,
        'new_val': args.new_val,
        'old_data_root': args.old_data_root,
        'method': args.method,
        'step_schedule.later.iters': args.iters,
        'step_schedule.later.lr': args.lr,
        'batch_size': args.batch_size,
        'crop_size': args.crop_size and tuple(args.crop_size),
    }
    return {key: v for key, v in given.items() if v is not None} | args.cfg_options


def _label(text: str) -> tuple[str, int]:
    name, _, value = text.rpartition('=')
    if not name or not value.isdigit():
        raise InputError(f'--labels takes CLASS=VALUE, such as cat=1, not {text!r}')
    return name, int(value)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from ..apis import RunOptions, load_sequence, run_sequence
    from ..engine.advice import show_plan, tell_what_is_next
    from ..engine.extension_report import show_extension, warn_of_labels
    from ..engine.step_runner import leave_processes
    from ..utils.one_line import one_line_errors
    from ..utils.quiet import quiet

    try:
        with one_line_errors('interrupted; go on with --resume'), quiet(args.quiet):
            sequence = load_sequence('extend', config_options(args), args.work_dir)
            options = RunOptions(resume=args.resume)
            if args.dry_run:
                show_extension(sequence)
                show_plan(sequence, options)
            else:
                warn_of_labels(sequence)
                run_sequence(sequence, options, args.launcher)
                tell_what_is_next(sequence)
    finally:
        leave_processes()
