"""Checks of notebook 02: Gram matrix, style loss, covariance."""

from collections.abc import Callable

import torch

from nst_utils.checks.calling import assert_differentiable, call_for_tensor

# Two channels, three positions, and their Gram matrix: the notebook's example by hand.
F = torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0]])
G = torch.tensor([[5.0, 2.0], [2.0, 10.0]]) / 3


def check_gram_matrix(gram_matrix: Callable) -> None:
    """Raise AssertionError unless it is the mean product of channels, [1, N, N]."""
    toy = F.reshape(1, 2, 1, 3)
    result = call_for_tensor(gram_matrix, toy)
    assert result.shape == (1, 2, 2), (
        "G must be [1, N, N]: flatten h and w, keep batch and channels."
    )
    assert not torch.allclose(result, 3 * G), "This is the paper's plain sum; here, divide it by M."
    assert not torch.allclose(result, G / 2), "You divided by N M; divide by the positions M only."
    assert not torch.allclose(result, 3 * G / 2), (
        "You divided by the channels N, not the positions."
    )
    centred = torch.cov(F, correction=0)
    assert not torch.allclose(result[0], centred), "Do not subtract the mean: that is exercise 3."
    mixed = F.T.reshape(2, 3)
    scrambled = torch.allclose(result[0], mixed @ mixed.T / 3)
    assert not scrambled, "The channels are mixed up: flatten(2) keeps each in its row."
    assert torch.allclose(result[0], G), "Multiply F, [N, M], with its transpose, [M, N]."
    assert_differentiable(gram_matrix, toy)


def check_style_loss(style_loss: Callable) -> None:
    """Raise AssertionError unless it is the sum of squares over 4 N^2."""
    toy = call_for_tensor(style_loss, G[None], torch.zeros(1, 2, 2))
    assert toy.ndim == 0, "E_l is one number: sum over both channels i and j."
    squared = torch.isclose(toy, torch.tensor(133 / 144 / 9))
    assert not squared, "G is divided by M already; do not divide by M^2."
    gram = torch.eye(3)[None] + 1  # three channels: here N^2 and 4 differ; the squares add up to 18
    result = style_loss(gram, torch.zeros(1, 3, 3))
    hand = torch.tensor(18 / 36)
    assert not torch.isclose(result, 4 * hand), "The factor 1/4 is missing."
    assert not torch.isclose(result, 3 * hand), "Divide by N squared: G has N^2 entries."
    assert not torch.isclose(result, 9 * hand), "Divide by N squared; shape[0] is the batch, not N."
    assert not torch.isclose(result, 36 * hand), "The whole constant 1/(4 N^2) is missing."
    assert not torch.isclose(result, hand / 9), (
        "The mean has the 1/N^2 already: do not divide twice."
    )
    absolute = torch.isclose(result, torch.tensor(12 / 36))
    assert not absolute, "Square the differences; you took their absolute values."
    assert torch.isclose(result, hand), "Three channels, 18 in all: 18 / (4 * 9) = 0.5."
    assert torch.isclose(toy, torch.tensor(133 / 144)), "By hand it is 133/144."
    assert style_loss(gram, gram) == 0, "Equal matrices have no loss: subtract the target."
    assert_differentiable(style_loss, gram, torch.zeros(1, 3, 3))


def check_covariance(covariance: Callable) -> None:
    """Raise AssertionError unless it is the Gram matrix after each channel's mean is gone."""
    toy = F.reshape(1, 2, 1, 3)
    result = call_for_tensor(covariance, toy)
    assert result.shape == (1, 2, 2), "The covariance must be [1, N, N]."
    expected = torch.cov(F, correction=0)
    one_mean, across = F - F.mean(), F - F.mean(0)
    assert not torch.allclose(result[0], G), "Subtract each channel's mean first."
    single = torch.allclose(result[0], one_mean @ one_mean.T / 3)
    assert not single, "Each channel has its own mean: use dim (2, 3)."
    crossed = torch.allclose(result[0], across @ across.T / 3)
    assert not crossed, "The mean is over positions, not over channels: use dim (2, 3)."
    assert not torch.allclose(result[0], 1.5 * expected), "Divide by M, not by M - 1."
    assert not torch.allclose(result[0], 3 * expected), "Divide by the number of positions M."
    assert not torch.allclose(result[0], torch.corrcoef(F)), "Do not divide by the spreads as well."
    assert torch.allclose(result[0], expected, atol=1e-6), "torch.cov(F, correction=0) disagrees."
    assert_differentiable(covariance, toy)
