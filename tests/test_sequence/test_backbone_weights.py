from pathlib import Path

import pytest
import torch
from mmpretrain.models import ResNet
from tiny import leaf

from mmseg_incremental.apis import load_sequence
from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence.backbone_weights import check_backbone_weights


def check(path: Path | None, **options: object) -> str | None:
    options = {'backbone_weights': path and str(path), **options}
    return check_backbone_weights(load_sequence(leaf(), options))


def write(folder: Path, depth: int, **extra: object) -> Path:
    state = {f'module.{k}': v for k, v in ResNet(depth).state_dict().items()}
    torch.save({'state_dict': {**state, **extra}}, folder / 'weights.pth')
    return folder / 'weights.pth'


def test_random_weights_and_those_of_the_network_with_its_classifier_are_fine(tmp_path) -> None:
    assert check(None) is None
    assert check(write(tmp_path, 18, **{'fc.weight': torch.zeros(1000, 512)})) is None


def test_missing_and_damaged_files_are_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r'none.pth not found: .*download-weights'):
        check(tmp_path / 'none.pth')
    (tmp_path / 'bad.pth').write_bytes(b'not a checkpoint')
    with pytest.raises(InputError, match=r'bad.pth'):
        check(tmp_path / 'bad.pth')


@pytest.mark.parametrize(
    ('depth', 'reason'),
    [
        (34, r'another network: layer1.2.conv1.weight is no part of the backbone'),
        (50, r'another network: layer1.0.conv1.weight is \(64, 64, 1, 1\) there and \(64, 64, 3,'),
    ],
)
def test_weights_of_another_depth_are_refused(tmp_path, depth, reason) -> None:
    with pytest.raises(InputError, match=reason):
        check(write(tmp_path, depth))


def test_weights_of_another_kind_are_refused(tmp_path) -> None:
    torch.save({'blocks.0.weight': torch.zeros(3)}, tmp_path / 'other.pth')
    with pytest.raises(InputError, match=r'another network: it has blocks.0.weight, the backbone'):
        check(tmp_path / 'other.pth')


def test_what_the_file_lacks_is_told(tmp_path) -> None:
    state = {k: v for k, v in ResNet(18).state_dict().items() if not k.startswith('layer4')}
    torch.save(state, tmp_path / 'part.pth')
    note = check(tmp_path / 'part.pth')
    assert 'lacks 25 weights of the backbone, which start at random: layer4.0.bn1 ...' in note


def test_a_backbone_without_bisenet_around_it(tmp_path) -> None:
    path = write(tmp_path, 101)
    assert check(path, model='deeplabv3_r101') is None
    with pytest.raises(InputError, match='another network'):
        check(path, model='segformer_b0')
