"""Table 1: the paper's batches beside those that fit."""

import io

import pytest
import torch
from rich.console import Console

from incremental_bisenet import table1
from incremental_bisenet.tables import Row
from mmseg_incremental.errors import InputError
from mmseg_incremental.experiments.fit_batch import BatchFit, NothingFitsError
from mmseg_incremental.experiments.training_trial import Measurement


@pytest.fixture(autouse=True)
def any_row(monkeypatch):
    """A row that needs no choice of a model."""
    monkeypatch.setattr(table1, 'TABLE1_ROW', Row('', 'bisenet_r18_voc_animals_mib'))


def test_attempts_of_the_paper_and_the_largest_batches(tmp_path, monkeypatch):
    def fit(cfg, crop, budget_gb, on_trial):
        on_trial(2, None if crop == 512 else 'measured')
        if crop == 512:
            raise NothingFitsError('nothing')
        return BatchFit(crop, 20, 3.0, 0.75, 1.5)

    def attempt(cfg, crop, batch, budget_gb):
        return Measurement(crop * batch / 10_000, 2.0) if crop * batch < 12_000 else None

    monkeypatch.setattr(table1, 'fit_batch', fit)
    monkeypatch.setattr(table1, 'try_batch', attempt)
    text = io.StringIO()
    files = table1.reproduce_table1(4.0, tmp_path / 'table1', Console(file=text, width=150))

    def rows(name):
        lines = (tmp_path / f'{name}.md').read_text().splitlines()[4:]
        return [[x.strip() for x in line.split('|')[1:-1]] for line in lines if line]

    assert rows('table1') == [
        ['1', '16', '344', '40%', '14%', '8.0'],
        ['2', '16', '368', '43%', '15%', '8.0'],
        ['3', '32', '368', '72%', '29%', '16.0'],
        ['4', '32', '512', '78%', 'does not fit', '-'],
        ['5', '64', '392', '96%', 'does not fit', '-'],
        ['6', '96', '320', '96%', 'does not fit', '-'],
    ]
    largest = rows('table1_largest')
    assert [row[0] for row in largest] == ['320', '344', '368', '392', '512']
    assert largest[0][1:] == ['20', '75%', '1.5']
    assert largest[4][1:] == ['-', 'nothing fits', '-']
    assert 'crop 512, batch 2: does not fit' in text.getvalue()
    assert [path.suffix for path in files] == ['.txt', '.md', '.csv'] * 2


def test_a_machine_without_a_gpu_needs_a_budget(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(InputError, match='--memory-gb'):
        table1.reproduce_table1(None, tmp_path / 'table1', Console())
