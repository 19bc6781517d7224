"""Checks of notebook 08: when training pays off, doubling without a lattice, instance norm."""

import math
from collections.abc import Callable

import torch

from nst_utils.checks.calling import assert_differentiable, call, call_for_tensor


def check_pays_off_after(pays_off_after: Callable) -> None:
    """Raise AssertionError unless it is the least whole n with training + n fast <= n slow."""
    even = call(pays_off_after, 90.0, 1.0, 10.0)
    assert isinstance(even, int), "Return a whole number of pictures: an int."
    assert even != 9, "A pass costs time as well: divide by what a picture saves."
    assert even == 10, "90 s, saved 9 s at a time: 10 pictures."
    assert pays_off_after(91.0, 1.0, 10.0) == 11, "Round up: 10 pictures save 90 s, not 91."
    try:
        never = pays_off_after(90.0, 10.0, 10.0)
    except ZeroDivisionError:
        raise AssertionError("If a pass is no faster, nothing is saved: return math.inf.") from None
    assert never == math.inf, "If a pass is no faster, it never pays off: return math.inf."
    assert pays_off_after(90.0, 20.0, 10.0) == math.inf, "A slower pass never pays off: math.inf."


def check_double_and_convolve(double_and_convolve: Callable) -> None:
    """Raise AssertionError unless it doubles to nearest, reflects by one pixel and convolves."""
    small = torch.tensor([[[[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]]])
    centre, ones = torch.zeros(1, 1, 3, 3), torch.ones(1, 1, 3, 3)
    centre[..., 1, 1] = 1  # leaves everything as it is
    toy = call_for_tensor(double_and_convolve, small, centre)
    assert toy.shape != (1, 1, 2, 3), "Double first: the result has twice the height and width."
    assert toy.shape != (1, 1, 2, 4), "Pad by one pixel a side, or the convolution takes it away."
    assert toy.shape != (1, 1, 6, 8), "Pad by one pixel a side, not by two."
    assert toy.shape == (1, 1, 4, 6), "The result is [B, N', 2 H, 2 W]."
    between = ((toy > 0) & (toy < 1)).any()
    assert not between, "Repeat each value (mode='nearest'); do not interpolate between them."
    blocks = small.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.equal(toy, blocks), "Each value becomes a block of two by two."
    corner = double_and_convolve(torch.ones(1, 1, 2, 2), ones)[0, 0, 0, 0].item()
    assert corner != 4, "Zeros at the border: pad with mode='reflect'."
    assert corner == 9, "A kernel of ones counts nine pixels everywhere, in the corner too."
    g = torch.Generator().manual_seed(1)
    F, weight = torch.rand(1, 2, 3, 4, generator=g), torch.rand(3, 2, 3, 3, generator=g)
    blocks = F.repeat_interleave(2, 2).repeat_interleave(2, 3)
    expected = torch.nn.functional.conv2d(blocks, weight)  # without the border
    inside = double_and_convolve(F, weight)[..., 1:-1, 1:-1]
    assert torch.allclose(inside, expected, atol=1e-5), "Convolve with the weight as it is."
    assert_differentiable(double_and_convolve, F, weight)


def check_instance_norm(instance_norm: Callable) -> None:
    """Raise AssertionError unless each channel of each picture gets mean 0 and variance 1."""
    toy = torch.tensor([1.0, 1.0, 3.0, 3.0]).view(1, 1, 2, 2)
    result = call_for_tensor(instance_norm, toy)
    assert result.shape == (1, 1, 2, 2), "The result has the shape of the features."
    values = [round(v, 2) for v in result.flatten().tolist()]
    assert values != [-0.87, -0.87, 0.87, 0.87], "Divide by M, not M - 1: correction=0."
    assert values[0] != 1, "Subtract the mean first."
    assert values == [-1, -1, 1, 1], "1, 1, 3, 3 has mean 2 and variance 1: -1, -1, 1, 1."
    wide = instance_norm(4 * toy).flatten().tolist()
    assert round(wide[0], 2) != -0.25, "Divide by the root of the variance, not by the variance."
    assert round(wide[0], 2) != -4, "Divide by the root of the variance."
    flat = instance_norm(torch.ones(1, 1, 2, 2))
    assert flat.isfinite().all(), "A flat channel has variance 0: add epsilon under the root."
    g = torch.Generator().manual_seed(2)
    F = torch.rand(2, 3, 4, 5, generator=g) * torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)
    F[1] += 5
    result = instance_norm(F)
    means = result.mean((2, 3))
    of_batch = means.abs().max() > 0.05 and means.mean(0).abs().max() < 0.01
    assert not of_batch, "Each picture by itself: no mean over the batch (axis 0)."
    across = means.abs().max() > 0.05 and means.mean(1).abs().max() < 0.01
    assert not across, "Each channel by itself: no mean over the channels (axis 1)."
    expected = (F - F.mean((2, 3), keepdim=True)) / F.std((2, 3), correction=0, keepdim=True)
    assert torch.allclose(result, expected, atol=1e-3), (
        "Mean and variance are over height and width together: dim=(2, 3), keepdim=True."
    )
    assert_differentiable(instance_norm, F)
