"""What a run leaves behind once its steps are done: pictures, tables, and a page of all of it."""

from collections.abc import Callable

from ..errors import reason_of
from ..evaluation import SequenceResults
from ..loggers import SequenceLog
from ..report import write_report
from ..sequence.sequence import Sequence
from .extension_report import write_extension_report
from .pictures import draw_sequence


def close_run(
    sequence: Sequence, results: SequenceResults, log: SequenceLog, say: Callable[[str], None]
) -> None:
    """Draw and write what is made of the results.

    Args:
        sequence: The sequence.
        results: Its results, which are saved already.
        log: The loggers, which get the pictures.
        say: Is told what was written, a line each.

    Raises:
        CheckpointError: If a checkpoint cannot be used.
    """
    drawn = draw_sequence(sequence, results)
    for path in drawn:
        say(f'wrote {path}')
    log.pictures(drawn)
    if sequence.is_extension:
        say(f'wrote {write_extension_report(sequence, results)}')
    say(f'wrote {sequence.work_dir.results}')
    page = sequence.work_dir.page
    try:
        write_report([sequence.work_dir.path], page)
    except Exception as error:  # a run that has come so far does not fail at it
        say(f'note: {page} could not be written ({reason_of(error)})')
    else:
        say(f'wrote {page}')
