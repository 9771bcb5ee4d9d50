"""Table 1: the paper's batches beside those that fit."""

import io

import pytest
import torch
from rich.console import Console
from tiny import ROOT

from incremental_bisenet import table1
from incremental_bisenet.fit_batch import BatchFit, NothingFitsError
from incremental_bisenet.tables import Row
from mmseg_incremental.errors import InputError

CONFIGS = ROOT / 'configs'


@pytest.fixture(autouse=True)
def any_row(monkeypatch):
    """A row that needs no choice of a model."""
    monkeypatch.setattr(table1, 'TABLE1_ROW', Row('', 'bisenet_r18_voc_animals_mib'))


def test_papers_batch_beside_ours(tmp_path, monkeypatch):
    def fit(cfg, crop, budget_gb, on_trial):
        on_trial(2, None if crop == 512 else 'measured')
        if crop == 512:
            raise NothingFitsError('nothing')
        return BatchFit(crop, 20, 3.0, 0.75, 1.5)

    monkeypatch.setattr(table1, 'fit_batch', fit)
    text = io.StringIO()
    files = table1.reproduce_table1(
        CONFIGS, 4.0, tmp_path / 'table1', Console(file=text, width=150)
    )
    lines = (tmp_path / 'table1.md').read_text().splitlines()
    rows = {c[0]: c[1:] for line in lines[4:] if (c := [x.strip() for x in line.split('|')[1:-1]])}
    assert list(rows) == ['320', '344', '368', '392', '512']
    assert rows['392'] == ['64', '20', '-44', '96%', '75%', '1.5']
    assert rows['512'] == ['32', '-', '-', '78%', 'nothing fits', '-']
    assert 'crop 512, batch 2: does not fit' in text.getvalue()
    assert [path.suffix for path in files] == ['.txt', '.md', '.csv']


def test_a_machine_without_a_gpu_needs_a_budget(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(InputError, match='--memory-gb'):
        table1.reproduce_table1(CONFIGS, None, tmp_path / 'table1', Console())
