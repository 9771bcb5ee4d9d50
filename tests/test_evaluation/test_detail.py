import numpy as np
import pytest
import torch

from mmseg_incremental.errors import InputError
from mmseg_incremental.evaluation import (
    ClassGroupIoUMetric,
    EvaluationDetail,
    forgotten_pictures,
)


def sample(path, label, predicted):
    return dict(
        img_path=path,
        gt_sem_seg=dict(data=torch.tensor([label])),
        pred_sem_seg=dict(data=torch.tensor([predicted])),
    )


def detail(**pictures):
    return EvaluationDetail(('background', 'cat'), np.eye(2, dtype=int), pictures)


def test_metric_keeps_confusion_and_pictures_by_hand():
    metric = ClassGroupIoUMetric(dict(all=[1, 2]), {})
    metric.dataset_meta = dict(classes=('background', 'cat', 'dog'))
    metric.process(None, [
        sample('a.jpg', [[0, 1], [1, 255]], [[0, 1], [2, 1]]),
        sample('b.jpg', [[2, 2, 2]], [[2, 2, 0]]),
    ])  # fmt: skip
    metric.evaluate(2)
    assert metric.detail.confusion.tolist() == [[1, 0, 0], [0, 1, 1], [1, 0, 2]]
    assert metric.detail.classes == ('background', 'cat', 'dog')
    # the dog predicted in a.jpg is in none of its labels
    assert metric.detail.pictures == {
        'a.jpg': {0: 100.0, 1: 50.0}, 'b.jpg': {2: pytest.approx(200 / 3)},
    }  # fmt: skip
    metric.evaluate(0)
    assert metric.detail.pictures == {}


@pytest.mark.parametrize(
    'names', [('d/x/a.jpg', 'd/y/a.jpg'), ('./a.jpg', 'b.jpg'), ('/d/a.jpg',), ()]
)
def test_file_gives_back_what_it_got(names, tmp_path):
    before = detail(**{name: {0: 12.344, 1: 50.0} for name in names})
    before.save(tmp_path / 'a.json')
    after = EvaluationDetail.load(tmp_path / 'a.json')
    assert after.classes == before.classes
    assert after.confusion.tolist() == [[1, 0], [0, 1]]
    assert after.pictures == {name.removeprefix('./'): {0: 12.34, 1: 50.0} for name in names}


def test_forgotten_pictures_by_hand():
    steps = {
        0: detail(a={0: 90.0, 1: 80.0}, b={1: 10.0}, c={0: 99.0}),
        1: detail(a={0: 90.0, 1: 85.0}, b={1: 20.0}, c={0: 99.0}),
        2: detail(a={0: 10.0, 1: 25.0, 2: 3.0}, b={1: 30.0}, c={0: 0.0, 2: 9.0}),
    }
    # best earlier minus last; neither the background nor the class learnt last counts
    assert forgotten_pictures(steps) == {'a': 60.0, 'b': -10.0}
    assert list(forgotten_pictures(steps)) == ['a', 'b']
    assert forgotten_pictures({0: steps[0]}) == {}


@pytest.mark.parametrize('text', ['', '[]', '{}', '{"schema": 9}', None])
def test_damaged_file_is_one_line(text, tmp_path):
    if text is not None:
        (tmp_path / 'a.json').write_text(text)
    with pytest.raises(InputError, match=r'a\.json: not the detail of an evaluation'):
        EvaluationDetail.load(tmp_path / 'a.json')


def test_damaged_matrix_is_refused(tmp_path):
    EvaluationDetail(('a', 'b'), np.zeros((3, 3), int)).save(tmp_path / 'a.json')
    with pytest.raises(InputError, match='does not fit its classes'):
        EvaluationDetail.load(tmp_path / 'a.json')
