"""The work dir of a sequence: the one place where its file names are spelt."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..utils.files import remove_temporary

_CHECKPOINT = 'step_{}.pth'


@dataclass(frozen=True)
class WorkDir:
    """Folder of a sequence.

    Args:
        path: The folder.

    Example:
        >>> WorkDir(Path('work')).checkpoint(1).as_posix()
        'work/step_1.pth'
    """

    path: Path

    @classmethod
    def of(cls, path: str | os.PathLike) -> 'WorkDir':
        """Work dir of a path: of a folder, or of the checkpoint of a step in it."""
        path = Path(path)
        return cls(path.parent if path.suffix == '.pth' else path)

    def checkpoint(self, step: int) -> Path:
        """Weights of a finished step; they exist once the step is done."""
        return self.path / _CHECKPOINT.format(step)

    def checkpoints(self) -> dict[int, Path]:
        """Finished steps and their checkpoints, in order."""
        pattern = re.compile(_CHECKPOINT.format(r'(\d+)').replace('.', r'\.'))
        found = {
            int(match[1]): path
            for path in self.path.glob(_CHECKPOINT.format('*'))
            if (match := pattern.fullmatch(path.name))
        }
        return dict(sorted(found.items()))

    def plain_config(self, step: int) -> Path:
        """The mmseg config that loads a step's checkpoint without this package."""
        return self.path / f'step_{step}.py'

    def step_name(self, step: int) -> str:
        """What a step is called where names are wanted, such as by loggers."""
        return f'step_{step}'

    def step_dir(self, step: int) -> Path:
        """Folder of a step's training: logs, and checkpoints until the step is done."""
        return self.path / self.step_name(step)

    def training_checkpoints(self, step: int) -> list[Path]:
        """Checkpoints inside a step that is being trained, the newest first."""
        found = self.step_dir(step).glob('iter_*.pth')
        numbered = [path for path in found if path.stem.split('_')[1].isdecimal()]
        return sorted(numbered, key=lambda path: int(path.stem.split('_')[1]), reverse=True)

    def remove_training_checkpoints(self, step: int) -> None:
        """Remove what only an unfinished step needs."""
        for path in self.training_checkpoints(step):
            path.unlink()
        (self.step_dir(step) / 'last_checkpoint').unlink(missing_ok=True)

    def remove_leftovers(self) -> None:
        """Remove what runs that were killed left behind; call it under the lock."""
        for folder in (self.path, self.pictures, *self.path.glob('step_*/')):
            remove_temporary(folder)
        for step in self.checkpoints():
            self.remove_training_checkpoints(step)

    def survey(self, step: int) -> Path:
        """What a method found out about the data before a step."""
        return self.step_dir(step) / 'survey.pth'

    def memory(self, step: int) -> Path:
        """The pictures that a method remembers at a step."""
        return self.path / f'memory_{step}.json'

    @property
    def results(self) -> Path:
        """All results so far."""
        return self.path / 'results.json'

    def evaluation(self, step: int) -> Path:
        """Confusion matrix and IoU per picture of a step."""
        return self.path / f'evaluation_{step}.json'

    @property
    def commands(self) -> Path:
        """The command of every run, one a line with its time."""
        return self.path / 'commands.txt'

    @property
    def wandb_id(self) -> Path:
        """Which run of Weights & Biases it is."""
        return self.path / 'wandb_id.txt'

    @property
    def page(self) -> Path:
        """Everything about the sequence, to be opened in a browser."""
        return self.path / 'report.html'

    @property
    def progress(self) -> Path:
        """How far a running sequence is."""
        return self.path / 'progress.json'

    @property
    def report(self) -> Path:
        """What adding classes to a model that existed has changed."""
        return self.path / 'report.md'

    @property
    def pictures(self) -> Path:
        """Folder of what is drawn at the end."""
        return self.path / 'pictures'
