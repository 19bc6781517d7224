"""The transformer network of Johnson, Alahi and Fei-Fei (2016): a photograph in, a painting out."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst_utils.errors import NSTError

STRIDE = 4  # pixels to one position of the residual blocks, after two halvings
SMALLEST = 16  # pixels; reflection needs more pixels than it adds


class TransformerNetwork(nn.Module):
    """Halve twice, five residual blocks, double twice (Johnson et al. 2016, appendix).

    Three departures from the appendix, all of later practice: instance normalisation in place of
    batch normalisation (Ulyanov et al. 2016), nearest-neighbour doubling and a convolution in place
    of a transposed one, which draws checkerboards, and reflection padding everywhere, since zeros
    draw a frame.

    Args:
        width: channels at full size; twice as many at half, four times as many at a quarter.
        blocks: how many residual blocks.
    """

    def __init__(self, width: int = 16, blocks: int = 5) -> None:
        super().__init__()
        self.width, self.blocks = width, blocks
        self.layers = nn.Sequential(
            _convolution(3, width, 9),
            _convolution(width, 2 * width, 3, stride=2),
            _convolution(2 * width, 4 * width, 3, stride=2),
            *(Residual(4 * width) for _ in range(blocks)),
            nn.Upsample(scale_factor=2, mode="nearest"),
            _convolution(4 * width, 2 * width, 3),
            nn.Upsample(scale_factor=2, mode="nearest"),
            _convolution(2 * width, width, 3),
        )
        self.colours = nn.Conv2d(width, 3, 9, padding=4, padding_mode="reflect")
        nn.init.constant_(self.colours.bias, 0.5)  # start from grey, not from black

    def forward(self, image: Tensor) -> Tensor:
        """Paint images [B, 3, H, W] in [0, 1]; the result has the same shape.

        As in an optimisation, its values may lie a little outside of [0, 1]: clamp them at the end.

        Raises:
            NSTError: another shape, or a side under 16 pixels.
        """
        if image.ndim != 4 or image.shape[1] != 3 or min(image.shape[2:]) < SMALLEST:
            raise NSTError(
                f"Images of shape {list(image.shape)} cannot be painted; give [B, 3, H, W] with "
                f"{SMALLEST} pixels or more on each side."
            )
        height, width = image.shape[-2:]
        # Two halvings and two doublings give the size back only if 4 divides it.
        whole = F.pad(image, (0, -width % STRIDE, 0, -height % STRIDE), mode="reflect")
        features = self.layers(whole * 2 - 1)
        with torch.autocast(image.device.type, enabled=False):  # bfloat16 has too few greys
            return self.colours(features.float())[..., :height, :width]


class Residual(nn.Module):
    """Two convolutions whose result is added to their input: x + f(x)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        first, second = (_convolution(channels, channels, 3) for _ in range(2))
        self.change = nn.Sequential(*first, *second[:-1])  # no rectifier before the sum

    def forward(self, x: Tensor) -> Tensor:
        """Features of the same shape, [B, C, H, W]."""
        return x + self.change(x)


class InstanceNorm(nn.InstanceNorm2d):
    """The parent's numbers, faster: it would give up the layout that convolutions are fastest with.

    For one picture, instance and batch normalisation are the same.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Features of the same shape, [B, C, H, W]."""
        pictures = (
            F.batch_norm(picture, None, None, self.weight, self.bias, training=True, eps=self.eps)
            for picture in x.split(1)
        )
        return torch.cat(list(pictures))


def _convolution(inputs: int, outputs: int, side: int, stride: int = 1) -> nn.Sequential:
    """Convolution, instance normalisation with a learnt scale and shift, rectifier."""
    return nn.Sequential(
        nn.Conv2d(
            *(inputs, outputs, side, stride), padding=side // 2, padding_mode="reflect", bias=False
        ),
        InstanceNorm(outputs, affine=True),
        nn.ReLU(),
    )


def count_parameters(network: nn.Module) -> int:
    """How many numbers training can change."""
    return sum(p.numel() for p in network.parameters())
