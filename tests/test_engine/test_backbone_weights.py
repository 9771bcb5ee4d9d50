import torch
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from tiny import leaf

from mmseg_incremental.apis import load_sequence


def test_backbone_starts_from_the_file_in_every_tensor(tmp_path) -> None:
    init_default_scope('mmseg')
    options = {'backbone_weights': str(tmp_path / 'resnet18.pth')}
    sequence = load_sequence(leaf(), options, str(tmp_path))
    source = MODELS.build(sequence.step(1).config.model).backbone.context_path.backbone
    state = {
        name: torch.rand_like(value) if value.is_floating_point() else value
        for name, value in source.state_dict().items()
        if not name.startswith('layer4')
    }
    torch.save({**state, 'fc.weight': torch.zeros(3, 3)}, tmp_path / 'resnet18.pth')
    model = MODELS.build(sequence.step(0).config.model)
    model.init_weights()
    loaded = model.backbone.context_path.backbone.state_dict()
    different = [name for name, value in state.items() if not torch.equal(loaded[name], value)]
    assert not different
    assert any(name.startswith('layer4') for name in loaded)


def test_later_steps_do_not_load_backbone_weights(tmp_path) -> None:
    sequence = load_sequence(leaf(), {'backbone_weights': 'nowhere.pth'}, str(tmp_path))
    assert 'nowhere.pth' in sequence.step(0).config.pretty_text
    assert 'nowhere.pth' not in sequence.step(1).config.pretty_text
