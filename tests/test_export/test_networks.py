"""ONNX and .pt2 of whole networks, on pictures of twenty sizes."""

import numpy as np
import pytest
import torch
from tiny import leaf

from mmseg_incremental.apis import load_sequence
from mmseg_incremental.export import ExportedProgram, Onnx, export_step
from mmseg_incremental.export.compare import made_up_pictures
from mmseg_incremental.sequence import plain_config
from mmseg_incremental.sequence.checkpoint import save_step_checkpoint
from mmseg_incremental.sequence.finished_step import read_finished_step
from mmseg_incremental.sequence.stored_config import PLAIN_CONFIG, as_data
from mmseg_incremental.utils.palette import color_palette

NETWORKS = {
    'bisenet_r18': {},
    'deeplabv3_r101': {'model.backbone.depth': 50},
    'segformer_b0': {},
}


def untrained(name, folder):
    """A step whose normalisations have seen pictures; its labels vary."""
    options = {'model': name, 'backbone_weights': None, 'data_root': str(folder), **NETWORKS[name]}
    step = load_sequence(leaf(), options, str(folder)).step(2)
    config = as_data(plain_config(step))
    names = step.sequence.task.channel_names(2)
    meta = dict(
        step=2,
        dataset_meta=dict(classes=names, palette=color_palette(len(names))),
        **{PLAIN_CONFIG: config},
    )
    path = folder / 'step_2.pth'
    torch.manual_seed(0)
    from mmseg.registry import MODELS

    model = MODELS.build(plain_config(step).model)
    model.init_weights()
    model.train()
    for picture in made_up_pictures([(256, 320)] * 4):
        seen = torch.from_numpy(picture).permute(2, 0, 1).float()
        model.decode_head(model.extract_feat((seen / 64 - 2).expand(2, -1, -1, -1)))
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    save_step_checkpoint(path, model.state_dict(), meta, [])
    return path


@pytest.mark.slow
@pytest.mark.parametrize('name', NETWORKS)
def test_files_label_as_the_network_does_at_twenty_sizes(name, tmp_path, capsys):
    path = untrained(name, tmp_path)
    sizes = np.random.default_rng(1).integers(97, 420, (20, 2)).tolist()
    pictures = made_up_pictures(sizes)
    for out, form in (('a.onnx', Onnx()), ('a.pt2', ExportedProgram())):
        done = export_step(path, tmp_path / out, form, pictures=pictures)
        with capsys.disabled():
            print(f'{name} {form.title}: {100 * done.differing:.5f} % of the pixels differ')
        assert done.num_pictures == 20
        assert done.differing < 1e-3
    labels, _ = Onnx().load(str(tmp_path / 'a.onnx'))
    assert len(np.unique(labels(pictures[0].transpose(2, 0, 1)[None].copy()))) > 1
    assert read_finished_step(path).step == 2
