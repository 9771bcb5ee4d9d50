"""Prepare Pascal VOC 2012 with the extra SBD labels ("train_aug") from the official archives."""

import argparse
from pathlib import Path

from ..utils.arguments import command_parser

EPILOG = """example:
  mmseg-incremental prepare-voc data/VOC2012 --download

The folder then has JPEGImages, SegmentationClass, and the lists train, val, trainval and train_aug
(10,582 pictures) in ImageSets/Segmentation."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument('out_dir', type=Path, help='folder to make')
    for flag, name in (('voc', 'VOCtrainval_11-May-2012.tar'), ('sbd', 'benchmark.tgz')):
        parser.add_argument(
            f'--{flag}-archive', type=Path, default=Path(name), help=f'path of {name}'
        )
    parser.add_argument(
        '--download', action='store_true', help='fetch the archives that are not at their paths'
    )
    parser.add_argument(
        '--no-check',
        action='store_true',
        help='take archives whose MD5 sums are not those of the published ones',
    )
    parser.add_argument('--force', action='store_true', help='replace a data set that is there')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from ..preparation import voc
    from ..utils.one_line import one_line_errors

    with one_line_errors():
        sources = voc.sources(args.voc_archive, args.sbd_archive)
        voc.provide(sources, args.download)
        if not args.no_check:
            voc.check_archives(sources)
        voc.prepare_voc(args.out_dir, args.voc_archive, args.sbd_archive, args.force)
        print(f'complete: {args.out_dir}')
