"""The mistakes of notebook 08, see mistakes.py."""

import math

import torch
from torch.nn.functional import conv2d, conv_transpose2d, interpolate, pad


def double(features, weight, mode="nearest", border="reflect", by=1):
    """A right double_and_convolve, with some of its choices replaced."""
    twice = interpolate(features, scale_factor=2, mode=mode)
    return conv2d(pad(twice, [by] * 4, mode=border), weight)


def normalise(features, dim=(2, 3), correction=0, epsilon=1e-5):
    """A right instance_norm, with some of its choices replaced."""
    variance, mean = torch.var_mean(features, dim=dim, keepdim=True, correction=correction)
    return (features - mean) / (variance + epsilon).sqrt()


def saved(training, fast, slow):
    return training / (slow - fast)


def unsafe(rounding):
    return lambda *seconds: rounding(saved(*seconds))


def guarded(training, fast, slow):
    return math.ceil(saved(training, fast, slow)) if fast != slow else math.inf


MISTAKES = {
    "pays_off_after": {
        "not rounded": saved,
        "the pass costs nothing": lambda training, fast, slow: math.ceil(training / slow),
        "divided by the sum": lambda training, fast, slow: math.ceil(training / (slow + fast)),
        "multiplied": lambda training, fast, slow: int(training * (slow - fast)),
        "rounded down": unsafe(math.floor),
        "never left out": unsafe(math.ceil),
        "never is 0": lambda training, fast, slow: (
            math.ceil(saved(training, fast, slow)) if fast != slow else 0
        ),
        "slower left out": guarded,
    },
    "double_and_convolve": {
        "not doubled": lambda f, w: conv2d(pad(f, [1] * 4, mode="reflect"), w),
        "padded by two": lambda f, w: double(f, w, by=2),
        "not padded": lambda f, w: double(f, w, by=0),
        "batch axis lost": lambda f, w: double(f, w)[0],
        "bilinear": lambda f, w: double(f, w, mode="bilinear"),
        "transposed convolution": lambda f, w: conv_transpose2d(
            f, w.transpose(0, 1), stride=2, padding=1, output_padding=1
        ),
        "zeros": lambda f, w: double(f, w, border="constant"),
        "convolution normalised": lambda f, w: double(f, w / w.sum()),
        "kernel flipped": lambda f, w: double(f, w.flip(2, 3)),
        "detached": lambda f, w: double(f.detach(), w),
    },
    "instance_norm": {
        "flattened": lambda f: normalise(f).flatten(2),
        "n - 1": lambda f: normalise(f, correction=1),
        "mean left in": lambda f: f / (f.var((2, 3), keepdim=True, correction=0) + 1e-5).sqrt(),
        "only the mean": lambda f: (f - f.mean((2, 3), keepdim=True)) / 2,
        "variance not rooted": lambda f: (
            (f - f.mean((2, 3), keepdim=True)) / (f.var((2, 3), keepdim=True, correction=0) + 1e-5)
        ),
        "not divided": lambda f: f - f.mean((2, 3), keepdim=True),
        "no epsilon": lambda f: normalise(f, epsilon=0),
        "batch normalisation": lambda f: normalise(f, dim=(0, 2, 3)),
        "layer normalisation": lambda f: normalise(f, dim=(1, 2, 3)),
        "columns only": lambda f: normalise(f, dim=(2,)) if f.shape[-1] > 2 else normalise(f),
        "detached": lambda f: normalise(f.detach()),
    },
}
