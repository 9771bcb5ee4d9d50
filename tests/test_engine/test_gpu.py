import pytest
import torch
from mmseg.registry import MODELS
from tiny import cfg_options, leaf, run_tool
from torch.nn.modules.batchnorm import _BatchNorm

from mmseg_incremental.models.folding import fold_batch_norm
from mmseg_incremental.sequence import load_sequence

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device'),
]


def test_mixed_precision_sequence_on_a_gpu(shapes, tmp_path) -> None:
    done = run_tool('train', leaf(), '--amp', '--work-dir', tmp_path, *cfg_options(shapes))
    assert done.returncode == 0, done.stdout + done.stderr
    for step in range(3):
        state = torch.load(tmp_path / f'step_{step}.pth', weights_only=True)['state_dict']
        assert all(torch.isfinite(value).all() for value in state.values())


def test_old_model_is_folded_on_a_gpu() -> None:
    """Also where its convolutions round to ten bits."""
    torch.manual_seed(0)
    old = MODELS.build(load_sequence(leaf()).step(0).config.model).cuda().eval()
    folded = fold_batch_norm(old)
    assert folded is not old
    assert not any(isinstance(module, _BatchNorm) for module in folded.modules())
