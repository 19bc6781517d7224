"""Checks of notebook 00: time and tensors."""

from collections.abc import Callable

import torch

from nst_utils.checks.calling import call, call_for_tensor


def check_estimate_seconds(estimate_seconds: Callable) -> None:
    """Raise AssertionError unless time grows with the pixels and the steps."""
    same = call(estimate_seconds, 0.5, 256, 256, 10)
    assert same != 0.5, "That is one step; multiply by the number of steps."
    assert abs(same - 5) < 1e-9, "At the same size: per_step * steps."
    double = estimate_seconds(1.0, 256, 512, 1)
    assert double != 1, "The size does not count yet: a larger picture takes longer."
    assert double != 2, "Twice the side is four times the pixels: square the ratio."
    assert double not in (0.25, 0.5), "Upside down: the new size goes on top."
    assert double == 4, "At twice the side a step takes four times as long."
    half_more = estimate_seconds(1.0, 256, 384, 1)
    assert half_more != 1, "Divide with /: // cuts 1.5 down to 1."
    assert half_more == 2.25, "At 1.5 times the side a step takes 2.25 times as long."


def check_to_image_tensor(to_image_tensor: Callable) -> None:
    """Raise AssertionError unless uint8 [H, W, 3] becomes float32 [1, 3, H, W] in [0, 1]."""
    array = torch.arange(24, dtype=torch.uint8).reshape(2, 4, 3) * 10
    image = call_for_tensor(to_image_tensor, array)
    assert image.ndim == 4, "Add the axis of the batch: unsqueeze(0)."
    assert image.shape != (1, 3, 4, 2), "Rows and columns are swapped: permute(2, 0, 1)."
    assert image.shape == (1, 3, 2, 4), "Move the colours to the front: permute(2, 0, 1)."
    assert image.dtype == torch.float32, "Convert to float32."
    assert image.max() <= 1, "Divide by 255."
    assert image.min() >= 0, "The range is [0, 1]; do not shift it to [-1, 1]."
    mixed = torch.equal(image[0] * 255, array.float().reshape(3, 2, 4))
    assert not mixed, "reshape keeps the order in memory and so mixes the colours; use permute."
    range_of_bytes = torch.allclose(image * 256, image.mul(256).round(), atol=1e-4)
    assert not range_of_bytes, "Divide by 255, not by 256: 255 is to become 1."
    stretched = image.max() == 1
    assert not stretched, "Divide by 255, not by the picture's own maximum: a dark one stays dark."
