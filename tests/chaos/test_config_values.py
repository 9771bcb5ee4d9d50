"""Values of a config that are something else."""

import random
import shutil
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.runs import log_of, quick_sequence
from chaos.session import DONE, REFUSED, start, wait
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from mmseg_incremental.apis import plan_sequence, run_sequence
from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence.rehearsal import rehearse_step

pytestmark = pytest.mark.chaos

#: Entries that say where things are, and what the package sets itself.
SKIPPED = ('custom_imports', 'work_dir', 'env_cfg.dist_cfg')
#: Values that are tried with one seed, the first of which is always the same.
EXAMPLES = 12
#: Share of the accepted values with which a run is made.
TRAINED = 0.1
SECONDS_OF_A_RUN = 120
#: Accepted values are tried for so many iterations, at most.
LIMIT = 20

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**31, 2**70, -(2**40), 10**6]),
    st.floats(),
    st.sampled_from(['', 'x', 'Typo', 'a\0b', 'é' * 300, '0', 'None', '../x', 'True']),
    st.lists(st.one_of(st.integers(-1, 2), st.text(max_size=2)), max_size=3),
    st.dictionaries(st.sampled_from(['type', 'x', 'lr', '']), st.integers(-1, 1), max_size=2),
)


def keys(value: object, key: str = '') -> Iterator[str]:
    """Dotted keys of all values, and of the dicts and lists that hold them."""
    if key:
        yield key
    parts = value.items() if isinstance(value, dict) else []
    parts = enumerate(value) if isinstance(value, (list, tuple)) else parts
    for name, part in parts:
        yield from keys(part, f'{key}.{name}' if key else str(name))


def is_too_long(key: str, value: object) -> bool:
    """Whether a value is fine, but would take days."""
    big = isinstance(value, (int, float)) and abs(value) > LIMIT
    return big and key.rpartition('.')[2] in {
        'iters', 'epochs', 'num_evaluations', 'batch_size', 'num_workers', 'channels', 'num_convs',
        'out_channels', 'interval', 'kernel_size', 'dilation', 'prefetch_factor',
    }  # fmt: skip


def is_endless(key: str, value: object) -> bool:
    """Whether a value is fine, but makes so many layers that they are never all built."""
    big = isinstance(value, (int, float)) and value > LIMIT
    return big and key.rpartition('.')[2] == 'num_convs'


def test_mutations(small: Path, tmp_path: Path, session) -> None:
    data = shutil.copytree(small, tmp_path / 'data')
    known = sorted(
        key
        for key in keys(quick_sequence(data, tmp_path / 'work').cfg._cfg_dict.to_dict())
        if not key.startswith(SKIPPED)
    )
    with session('config values', 0.17) as tries:

        def check(key: str, value: object, name: str, run: bool) -> None:
            if is_endless(key, value):
                tries.count('skipped')
                return
            work_dir = tmp_path / name
            try:
                sequence = quick_sequence(data, work_dir, **{key: value})
                plans = plan_sequence(sequence)
                for plan in {p.step: p for p in (plans[0], plans[-1])}.values():
                    rehearse_step(sequence.step(plan.step), plan.iters)
            except InputError:
                tries.count('refused')
                return
            tries.count('accepted')
            if run and not is_too_long(key, value):
                code = wait(
                    start(lambda: run_sequence(sequence), log_of(work_dir)), SECONDS_OF_A_RUN
                )
                text = log_of(work_dir).read_text()
                assert code in (DONE, REFUSED), text[-600:]
                tries.count('trained', code == DONE)
                shutil.rmtree(work_dir, ignore_errors=True)

        def attempt(rng: random.Random) -> None:
            @seed(rng.randrange(2**31))
            @settings(
                max_examples=EXAMPLES, database=None, deadline=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(st.sampled_from(known), VALUES)
            def mutate(key: str, value: object) -> None:
                tries.tries += 1
                try:
                    check(key, value, f'mutation_{tries.tries}', rng.random() < TRAINED)
                except Exception as error:
                    place = traceback.extract_tb(error.__traceback__)[-1]
                    where = f'{Path(place.filename).name}:{place.lineno}'
                    reason = str(error).replace('\n', ' ')[-400:]
                    tries.failures.append(
                        f'{key}={value!r}: {type(error).__name__} ({where}): {reason}'
                    )

            tries.tries -= 1  # the examples count
            mutate()

        tries.attempt(attempt)
