import pytest
import torch
from tiny import cfg_options, leaf, run_tool


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
def test_mixed_precision_sequence_on_a_gpu(shapes, tmp_path) -> None:
    done = run_tool('train', leaf(), '--amp', '--work-dir', tmp_path, *cfg_options(shapes))
    assert done.returncode == 0, done.stdout + done.stderr
    for step in range(3):
        state = torch.load(tmp_path / f'step_{step}.pth', weights_only=True)['state_dict']
        assert all(torch.isfinite(value).all() for value in state.values())
