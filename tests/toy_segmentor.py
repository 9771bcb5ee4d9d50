"""A segmentor of a few layers, as the parts of a method see one."""

import torch
from torch import nn

from mmseg_incremental.models.classifier import IncrementalClassifier


class ClassifierWithExtras(nn.Module):
    """The parameters of a classifier with extra channels, by their names."""

    def __init__(self, in_channels, classes_per_step, extra):
        super().__init__()
        self.classes_per_step = list(classes_per_step)
        for step, size in enumerate(classes_per_step):
            self.add_module(str(step), nn.Conv2d(in_channels, size, 1))
        self.extra = nn.ModuleDict({n: nn.Conv2d(in_channels, s, 1) for n, s in extra.items()})

    def forward(self, features):
        steps = [getattr(self, str(step)) for step in range(len(self.classes_per_step))]
        return torch.cat([conv(features) for conv in [*steps, *self.extra.values()]], 1)


class ToyHead(nn.Module):
    def __init__(self, classifier):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        self.norm = nn.BatchNorm2d(4)
        self.attention = nn.MultiheadAttention(4, 2, dropout=0.5, batch_first=True)
        self.dropout = nn.Dropout2d(0.5)
        self.conv_seg = classifier

    def features(self, maps):
        maps = self.norm(self.conv(maps))
        tokens = maps.flatten(2).transpose(1, 2)
        tokens = self.attention(tokens, tokens, tokens)[0]
        return self.dropout(maps + tokens.transpose(1, 2).reshape(maps.shape))

    def forward(self, maps):
        return self.conv_seg(self.features(maps))


class ToySegmentor(nn.Module):
    def __init__(self, classes_per_step, extra=None):
        super().__init__()
        classifier = (
            ClassifierWithExtras(4, classes_per_step, extra)
            if extra
            else IncrementalClassifier(4, classes_per_step)
        )
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5)
        )
        self.decode_head = ToyHead(classifier)

    def classifiers(self):
        yield 'decode_head.conv_seg', self.decode_head.conv_seg

    def forward(self, pictures):
        return self.decode_head(self.backbone(pictures))
