"""The file formats, each with what writes it and what runs it again."""

import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from torch import nn

from ..errors import InputError, reason_of
from ..utils.extras import import_extra

#: The name under which every format keeps what the labels mean.
METADATA = 'metadata.json'
#: Newest ONNX operators that the exporter of the oldest PyTorch taken here knows.
OPSET = 18
_EXAMPLE_SIZE = (256, 320)

#: Pictures, uint8 (N, 3, H, W), channels blue, green, red, to labels, uint8 (N, H, W).
Labels = Callable[[np.ndarray], np.ndarray]
Size = tuple[int, int]


class Format(Protocol):
    """One file format."""

    @property
    def title(self) -> str:
        """What it is, for messages."""

    def check(self) -> None:
        """Find out before long work whether it can be written.

        Raises:
            InputError: If a package is missing.
        """

    def save(self, network: nn.Module, size: Size | None, metadata: Mapping, path: str) -> None:
        """Write a network.

        Args:
            network: From uint8 (N, 3, H, W) to uint8 (N, H, W), in evaluation mode.
            size: Height and width, if they are to be fixed.
            metadata: What the labels mean.
            path: The file.

        Raises:
            InputError: If the network cannot be written so.
        """

    def load(self, path: str | os.PathLike) -> tuple[Labels, dict]:
        """Read a file as its user would.

        Returns:
            What labels pictures, and the metadata.
        """


class ExportedProgram:
    """A program of ``torch.export``, run by PyTorch alone."""

    title = 'torch.export program'

    def check(self) -> None:
        """PyTorch has it all."""

    def save(self, network: nn.Module, size: Size | None, metadata: Mapping, path: str) -> None:
        """See :class:`Format`."""
        program = trace(network, size)
        with warnings.catch_warnings():
            # folded weights are channels-last, which torch.export takes for a part of a tensor
            warnings.filterwarnings('ignore', 'No complete tensor found')
            torch.export.save(program, path, extra_files={METADATA: json.dumps(metadata)})

    def load(self, path: str | os.PathLike) -> tuple[Labels, dict]:
        """See :class:`Format`."""
        files = {METADATA: ''}
        module = torch.export.load(path, extra_files=files).module()
        return _run_with_torch(module), json.loads(files[METADATA])


class TorchScript:
    """A traced module of ``torch.jit``, run by PyTorch alone, from C++ too."""

    title = 'TorchScript'

    def check(self) -> None:
        """PyTorch has it all."""

    def save(self, network: nn.Module, size: Size | None, metadata: Mapping, path: str) -> None:
        """See :class:`Format`."""
        with _tracing(size), warnings.catch_warnings():
            # of sizes that become constants; the comparison at other sizes finds them out
            warnings.filterwarnings('ignore', category=torch.jit.TracerWarning)
            warnings.filterwarnings('ignore', '.*torch.jit.* is deprecated')
            module = torch.jit.trace(network, _example(size), check_trace=False)
            torch.jit.save(module, path, _extra_files={METADATA: json.dumps(metadata)})

    def load(self, path: str | os.PathLike) -> tuple[Labels, dict]:
        """See :class:`Format`."""
        files = {METADATA: ''}
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', '.*torch.jit.* is deprecated')
            module = torch.jit.load(path, _extra_files=files)
        return _run_with_torch(module), json.loads(files[METADATA])


class Onnx:
    """An ONNX graph, run by onnxruntime.

    Args:
        opset: Version of its operators.
    """

    def __init__(self, opset: int = OPSET) -> None:
        self.opset = opset

    @property
    def title(self) -> str:
        """See :class:`Format`."""
        return f'ONNX, opset {self.opset}'

    def check(self) -> None:
        """See :class:`Format`."""
        for package in ('onnx', 'onnxscript', 'onnxruntime'):
            import_extra(package, 'onnx', 'an export to ONNX')

    def save(self, network: nn.Module, size: Size | None, metadata: Mapping, path: str) -> None:
        """See :class:`Format`."""
        program = trace(network, size)
        with _tracing(size), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            graph = torch.onnx.export(
                program,
                input_names=['pictures'],
                output_names=['labels'],
                opset_version=self.opset,
                verbose=False,
            )
        if (used := graph.model.opset_imports['']) != self.opset:
            raise InputError(f'the network cannot be written with opset {self.opset}, but {used}')
        graph.model.metadata_props[METADATA] = json.dumps(metadata)
        graph.save(path)

    def load(self, path: str | os.PathLike) -> tuple[Labels, dict]:
        """See :class:`Format`."""
        runtime = import_extra('onnxruntime', 'onnx', 'an ONNX file')
        session = runtime.InferenceSession(path, providers=['CPUExecutionProvider'])
        metadata = session.get_modelmeta().custom_metadata_map[METADATA]
        return lambda pictures: session.run(None, {'pictures': pictures})[0], json.loads(metadata)


def trace(network: nn.Module, size: Size | None) -> torch.export.ExportedProgram:
    """Trace a network with any number of pictures, and of any size unless one is given.

    Args:
        network: From uint8 (N, 3, H, W) to uint8 (N, H, W).
        size: Height and width.

    Returns:
        The program.

    Raises:
        InputError: If the network cannot be traced.
    """
    free = torch.export.Dim.DYNAMIC
    shape = {0: free} if size else {0: free, 2: free, 3: free}
    with _tracing(size), torch.no_grad():
        return torch.export.export(network.eval(), (_example(size),), dynamic_shapes=(shape,))


@contextmanager
def _tracing(size: Size | None) -> Iterator[None]:
    try:
        yield
    except (InputError, OSError):
        raise
    except Exception as error:  # what an unusual network does to a tracer is open
        hint = '' if size else '; a fixed size (--size H W) may help'
        raise InputError(f'the network cannot be exported{hint}: {reason_of(error)}') from error


def _example(size: Size | None) -> torch.Tensor:
    # 2 pictures: torch.export takes a size of 1 as fixed
    return torch.zeros(2, 3, *(size or _EXAMPLE_SIZE), dtype=torch.uint8)


def _run_with_torch(module: nn.Module) -> Labels:
    def label(pictures: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(pictures)).numpy()

    return label
