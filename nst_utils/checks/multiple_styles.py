"""Checks of notebook 05: losses blended, statistics and positions inside a mask."""

from collections.abc import Callable

import torch

from nst_utils.checks.calling import assert_differentiable, call_for_tensor
from nst_utils.losses import gram_matrix, style_loss


def check_blended_loss(blended_loss: Callable) -> None:
    """Raise AssertionError unless it is the sum of each style's loss times its weight."""
    g = torch.Generator().manual_seed(1)
    G, first, second = (gram_matrix(torch.rand(1, 3, 4, 4, generator=g)) for _ in range(3))
    E = [style_loss(G, first), style_loss(G, second)]
    result = call_for_tensor(blended_loss, G, [first, second], [0.25, 0.75])
    assert result.ndim == 0, "The loss must be one number: a scalar tensor."
    of_mean = style_loss(G, 0.25 * first + 0.75 * second)
    assert not torch.isclose(result, of_mean), "Average the losses, not the matrices."
    assert not torch.isclose(result, sum(E)), "Multiply each style's loss by its weight."
    assert not torch.isclose(result, sum(E) / 2), "Use the weights given, not 1/2 each."
    single = torch.isclose(result, torch.stack([0.25 * E[0], 0.75 * E[1], *E])).any()
    assert not single, "Only one style counts: add up over all targets."
    assert torch.isclose(result, 0.25 * E[0] + 0.75 * E[1]), "Weight s goes with target s."
    both = blended_loss(G, [first, second], [2.0, 6.0])
    assert torch.isclose(both, 8 * result), "Do not divide by the sum of the weights."
    assert_differentiable(blended_loss, G, [first, second], [0.25, 0.75])


def check_guided_gram(guided_gram: Callable) -> None:
    """Raise AssertionError unless it is the Gram matrix of T F with sum T^2 = 1."""
    row, front = torch.tensor([[[[1.0, 2.0, 3.0, 4.0]]]]), torch.tensor([[[[1.0, 1.0, 0.0, 0.0]]]])
    toy = call_for_tensor(guided_gram, row, front)
    assert toy.shape == (1, 1, 1), "G is [1, N, N]: one matrix of channels by channels."
    assert round(toy.item(), 3) != 5, "Normalise the mask: sum T^2 = 1."
    assert round(toy.item(), 3) != 1.25, "Divide by the root of the mask's sum of squares."
    assert round(toy.item(), 3) != 7.5, "The mask is not used yet: these are all positions."
    assert round(toy.item(), 3) == 2.5, "The toy's answer is 2.5."
    g = torch.Generator().manual_seed(2)
    F, soft = torch.rand(1, 3, 4, 5, generator=g), torch.rand(1, 1, 4, 5, generator=g)
    ones = guided_gram(F, torch.ones(1, 1, 4, 5))
    assert torch.allclose(ones, gram_matrix(F)), "A mask of ones must give the plain Gram matrix."
    result, halved = guided_gram(F, soft), guided_gram(F, soft / 2)
    assert torch.allclose(halved, result), "A factor in the mask must cancel."
    once = (F * soft).flatten(2) @ F.flatten(2).transpose(1, 2) / soft.sum()
    assert not torch.allclose(result, once), "Both factors F get the mask: T squared."
    rounded = torch.allclose(result, gram_matrix(F))
    assert not rounded, "Use the mask's values as they are: a soft edge counts in part."
    assert_differentiable(guided_gram, F, soft)


def check_positions_inside(positions_inside: Callable) -> None:
    """Raise AssertionError unless a position counts if all that it sees does."""
    six = torch.zeros(1, 1, 8, 8)
    six[..., :6] = 1  # the six columns on the left
    toy = call_for_tensor(positions_inside, six, stride=2, reach=1)
    assert toy.shape == (1, 1, 4, 4), (
        "One value for each position: [1, 1, H // stride, W // stride]."
    )
    columns = toy[0, 0, 1].tolist()
    assert columns[0] != 0, "Beyond the picture's border nothing can change: it counts as inside."
    assert columns != [1, 1, 1, 1], "You let in each position that sees some of it: use the least."
    assert columns != [1, 1, 1, 0], "You looked at its own block: it sees `reach` pixels more."
    assert 0 < columns[2] < 1 or columns == [1, 1, 0, 0], (
        "Position 1 sees the columns 1 to 4, position 2 the columns 3 to 6."
    )
    assert columns == [1, 1, 0, 0], "Partly inside is not inside: take the least, not the mean."
    assert (toy[0, 0, 0] == toy[0, 0, 1]).all(), "Beyond the border counts as inside above, too."
