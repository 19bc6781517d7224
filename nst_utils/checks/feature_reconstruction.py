"""Checks of notebook 01: content loss, its gradient, total variation."""

from collections.abc import Callable

import torch

from nst_utils.checks.calling import assert_differentiable, call_for_tensor


def check_content_loss(content_loss: Callable) -> None:
    """Raise AssertionError unless it is equation 1: half the sum of squared differences."""
    f, p = torch.tensor([3.0, 0.0, 1.0]), torch.tensor([1.0, 0.0, 2.0])
    loss = call_for_tensor(content_loss, f, p)
    assert loss.shape == (), (
        "Return one number: add the squares up over all channels and positions."
    )
    assert loss != 5.0, "The factor 1/2 of equation 1 is missing."
    means = torch.tensor([5 / 3, 5 / 6])
    assert not torch.isclose(loss, means).any(), "That is the mean; equation 1 has a sum."
    assert loss not in (1.5, 3.0), "Square the differences; you took their absolute values."
    assert loss not in (0.5, 1.0), "Square each difference first, then add up."
    roots = torch.tensor([5**0.5, 5**0.5 / 2])
    assert not torch.isclose(loss, roots).any(), "No root: equation 1 has the squares themselves."
    assert loss == 2.5, f"The example by hand gives 2.5; your function gives {loss}."
    assert_differentiable(content_loss, f, p)


def check_content_gradient(content_gradient: Callable) -> None:
    """Raise AssertionError unless it is F - P where z > 0, and 0 elsewhere."""
    z, p = torch.tensor([2.0, -1.0, 3.0]), torch.tensor([1.0, 1.0, 3.0])
    gradient = call_for_tensor(content_gradient, z, p)
    assert gradient.shape == z.shape, "Do not add up: there is one derivative for each entry of z."
    assert gradient[0] != 2, "The factor 1/2 of the loss cancels the 2 of the derivative."
    divided = torch.isclose(gradient[0], torch.tensor(1 / 3))
    assert not divided, "The loss is a sum, not a mean: do not divide by the number of entries."
    assert gradient[0] == 1, "Where z > 0 the derivative is F - P; check its sign."
    assert gradient[1] == 0, "Where z is negative the rectifier blocks: the derivative is 0."
    assert gradient[2] == 0, "Where F = P there is nothing to improve."
    unwanted = content_gradient(torch.tensor([2.0]), torch.tensor([0.0]))
    assert unwanted == 2, "z decides whether the rectifier lets through, not the target."


def check_total_variation(total_variation: Callable) -> None:
    """Raise AssertionError unless it is the mean squared difference to the right plus down."""
    toy = torch.tensor([[0.0, 1.0], [0.0, 3.0]]).view(1, 1, 2, 2)
    value = call_for_tensor(total_variation, toy)
    assert value.shape == (), "Return one number for the whole batch."
    assert value != 14, "You added up; take the mean of each direction."
    assert value != 3, "Square the differences; you took their absolute values."
    assert value not in (5, 2), "One of the two directions is missing."
    assert value != 3.5, "Take the mean of each direction by itself, then add the two."
    assert value == 7, f"The example by hand gives 7; your function gives {value}."
    assert total_variation(torch.ones(1, 3, 4, 5)) == 0, "A flat image has no variation."
    ramp = torch.arange(4.0).expand(1, 1, 2, 4)
    assert total_variation(ramp) != 3, "Do not go round the edge, as roll does: stop at the last."
    assert total_variation(ramp) == 1, "Neighbours that differ by 1 to the right only give 1."
    pair = torch.cat([ramp, ramp])
    assert total_variation(pair) == 1, "Two equal images have the mean of one, not the sum of two."
    assert_differentiable(total_variation, toy)
