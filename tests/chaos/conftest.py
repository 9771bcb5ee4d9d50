from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from chaos.runs import finish
from chaos.session import SEED, Session
from tiny import run_tool


@pytest.fixture(scope='session', autouse=True)
def unformatted_configs() -> Iterator[None]:
    """MMEngine lays out its config anew at every checkpoint, which takes most of a small run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('yapf.yapflib.yapf_api.FormatCode', lambda text, **_: (text, True))
        yield


@pytest.fixture(scope='session')
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered data set of a few pictures."""
    root = tmp_path_factory.mktemp('small') / 'shapes'
    done = run_tool(
        'dataset_converters/make_shapes', root, '--num-train', 16, '--num-val', 3, '--size', 48
    )
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope='session')
def reference(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Work dir of a run that nobody disturbed."""
    work_dir = tmp_path_factory.mktemp('reference') / 'work'
    finish(small, work_dir)
    return work_dir


@pytest.fixture
def session(
    capsys: pytest.CaptureFixture,
) -> Callable[[str, float], AbstractContextManager[Session]]:
    """Makes sessions; each prints its figures at its end and fails with its failures."""

    @contextmanager
    def make(name: str, share: float) -> Iterator[Session]:
        tries = Session(name, share)
        with capsys.disabled():  # whatever ends the process, the seed is known
            print(f'\n{name}: CHAOS_SEED={SEED}', flush=True)
        yield tries
        with capsys.disabled():
            print(f'\n{tries.report()}')
        assert not tries.failures, '\n'.join([tries.report(), *tries.failures[:20]])

    return make
