"""ONNX and .pt2 of whole networks, on pictures of twenty sizes."""

import numpy as np
import pytest
import torch
from untrained import untrained_step

from mmseg_incremental.export import ExportedProgram, Onnx, export_step
from mmseg_incremental.export.compare import made_up_pictures
from mmseg_incremental.sequence import load_checkpoint
from mmseg_incremental.sequence.checkpoint import save_step_checkpoint

NETWORKS = {
    'bisenet_r18': {},
    'deeplabv3_r101': {'model.backbone.depth': 50},
    'segformer_b0': {},
}


def with_labels_that_vary(name, folder):
    """A step whose normalisations have seen pictures."""
    path, model = untrained_step(folder, model=name, **NETWORKS[name])
    model.train()
    for picture in made_up_pictures([(256, 320)] * 4):
        seen = torch.from_numpy(picture).permute(2, 0, 1).float()
        model.decode_head(model.extract_feat((seen / 64 - 2).expand(2, -1, -1, -1)))
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    content = load_checkpoint(path)
    save_step_checkpoint(path, model.state_dict(), content['meta'], [])
    return path


@pytest.mark.slow
@pytest.mark.parametrize('name', NETWORKS)
def test_files_label_as_the_network_does_at_twenty_sizes(name, tmp_path, capsys):
    path = with_labels_that_vary(name, tmp_path)
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
