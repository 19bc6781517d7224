"""A trained network for programs without PyTorch: the ONNX format."""

import logging
import warnings
from pathlib import Path

import torch

from nst_utils.errors import NSTError
from nst_utils.fast.network import SMALLEST, TransformerNetwork
from nst_utils.image import write_whole

LARGEST = 8192  # pixels a side


def export_onnx(network: TransformerNetwork, path: str | Path) -> Path:
    """Write a network as .onnx, for pictures of any size.

    Its input is called "photo" and its output "painting", both float32 [1, 3, H, W]; the output is
    not clamped to [0, 1].

    Raises:
        NSTError: another ending, a failed write, or no onnx and onnxscript to do it with.
    """
    if Path(path).suffix != ".onnx":
        raise NSTError(f"'{path}' is no name for an ONNX file; it must end in .onnx.")
    sides = {
        2: torch.export.Dim("height", min=SMALLEST, max=LARGEST),
        3: torch.export.Dim("width", min=SMALLEST, max=LARGEST),
    }
    # The example has sides of its own, or the exporter would take them to be always the same.
    example = torch.rand(1, 3, 66, 97, generator=torch.Generator().manual_seed(0))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter's own parts
            program = torch.onnx.export(
                network.cpu().eval(),
                (example,),
                dynamo=True,
                dynamic_shapes=(sides,),
                input_names=["photo"],
                output_names=["painting"],
                verbose=False,
            )
    except ImportError as error:
        raise NSTError("ONNX files need two more packages: pip install onnx onnxscript.") from error
    return write_whole(path, program.model_proto.SerializeToString())
