"""Checks of notebook 03: total loss, starting image."""

from collections.abc import Callable

import torch

from nst_utils.checks.calling import call_for_tensor
from nst_utils.losses import CONTENT_LAYER, content_loss, gram_matrix, style_loss


def check_total_loss(total_loss: Callable) -> None:
    """Raise AssertionError unless it is alpha times content plus beta times the mean of the E_l."""
    g = torch.Generator().manual_seed(1)
    styles = ["relu1_1", "relu2_1"]
    features = {name: torch.rand(1, 4, 4, 4, generator=g) for name in [CONTENT_LAYER, *styles]}
    target = torch.rand(1, 4, 4, 4, generator=g)
    grams = {name: gram_matrix(torch.rand(1, 4, 6, 6, generator=g)) for name in styles}
    E = [style_loss(gram_matrix(features[name]), grams[name]) for name in styles]
    content, style = content_loss(features[CONTENT_LAYER], target), sum(E) / 2

    def loss(alpha, beta):
        return call_for_tensor(total_loss, features, target, grams, alpha, beta)

    try:
        only_content = loss(1, 0)
    except KeyError:
        raise AssertionError("Take the style layers from grams, not from features.") from None
    assert only_content.ndim == 0, "The loss must be one number: a scalar tensor."
    assert not torch.isclose(only_content, style), "alpha goes with the content, beta with style."
    assert torch.isclose(only_content, content), "With beta = 0 only the content is left."
    only_style = loss(0, 1)
    assert not torch.isclose(only_style, sum(E)), (
        "Divide the style by its number of layers: w_l = 1/n."
    )
    assert not torch.isclose(only_style, sum(E) / 5), "Divide by len(grams): it is not always 5."
    last = torch.isclose(only_style, torch.stack([*E, *E]) / torch.tensor([1, 1, 2, 2])).any()
    assert not last, "Only one style layer counts: add up over all of them."
    assert torch.isclose(only_style, style), "With alpha = 0 only the mean of the E_l is left."
    both = loss(3, 5)
    assert torch.isclose(both, 3 * content + 5 * style), "Add the two, each times its own weight."
    features[CONTENT_LAYER].requires_grad_()
    assert loss(1, 0).requires_grad, (
        "The gradient is lost: no .detach(), .data or no_grad() in here."
    )


def check_start_image(start_image: Callable) -> None:
    """Raise AssertionError unless the three starts are new, seeded and of the content's shape."""
    small, tall = torch.full((1, 3, 4, 6), 0.25), torch.full((1, 3, 8, 5), 0.75)
    for kind in ("content", "style", "noise"):
        start = call_for_tensor(start_image, kind, small, tall)
        assert start.shape == small.shape, f"{kind}: the start has the photograph's shape, always."
    start_image("content", small, tall).zero_()
    assert small.max() == 0.25, (
        "Return a clone: optimising the start must not change the photograph."
    )
    painting = torch.full((1, 3, 4, 6), 0.75)
    start_image("style", small, painting).zero_()
    assert painting.max() == 0.75, (
        "Return a clone: a painting of the same size comes back from resize as it is."
    )
    before = torch.get_rng_state()
    noise = start_image("noise", small, tall, seed=3)
    after = start_image("noise", small, tall, seed=3)
    untouched = torch.equal(before, torch.get_rng_state())
    assert torch.equal(noise, after), "Same seed, same noise."
    assert not torch.equal(noise, start_image("noise", small, tall, seed=4)), "Use the seed."
    assert untouched, "Use a generator of your own; manual_seed alone sets everybody's noise."
    wide = torch.zeros(1, 3, 50, 50)
    noise = start_image("noise", wide, tall)
    assert noise.min() >= 0 and noise.max() <= 1, "Use uniform noise (rand), not normal (randn)."
