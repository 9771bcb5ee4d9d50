"""Convolutions that run channels-last, which is faster, where a network can be run so."""

import torch
from mmengine.logging import print_log
from mmseg.models.segmentors import EncoderDecoder

#: Height and width in pixels of the picture on which the layout is tried.
_SIZE = 128


def try_channels_last(model: EncoderDecoder) -> bool:
    """Lay the weights of a network out channels-last, if it then runs.

    Some layers look at their input in a way that only contiguous memory allows. The network is
    tried on an empty picture, and left as it was if that fails.

    Args:
        model: A segmentor; its mode stays.

    Returns:
        Whether pictures can be given to it channels-last.
    """
    training = model.training
    model.eval().to(memory_format=torch.channels_last)
    weight = next(model.parameters())
    pictures = weight.new_zeros(2, 3, _SIZE, _SIZE).to(memory_format=torch.channels_last)
    try:
        with torch.no_grad():
            features = model.extract_feat(pictures)
            for head in model.heads().values():
                head(features)
    except RuntimeError as error:
        model.to(memory_format=torch.contiguous_format)
        reason = str(error).split('\n')[0]
        print_log(f'convolutions do not run channels-last: {reason}', logger='current')
        return False
    finally:
        model.train(training)
    return True
