"""Gradient norms against the paper's formulas, and what holding their ratio is good for."""

import pytest
import torch

import nst_utils as nst

PHOTO = nst.load_image(nst.DATA / "content" / "china.jpg", 96)
PAINTING = nst.load_image(nst.DATA / "style" / "night.jpg", 96)
NETWORK = nst.load_backbone("tiny_vgg19")


def by_hand(size):
    """The norms with the paper's equations 1, 3, 4 and 5 written out."""
    p, a = nst.resize(PHOTO, size), nst.resize(PAINTING, size)
    x = nst.white_noise(tuple(p.shape[-2:]), seed=3).requires_grad_()
    F, P = (NETWORK(image, ["relu4_2"])["relu4_2"] for image in (x, p))
    content = ((F - P.detach()) ** 2).sum() / 2
    (slope,) = torch.autograd.grad(content, x)
    style = 0
    for layer in ("relu2_1", "relu3_1"):
        f, g = (NETWORK(image, [layer])[layer].flatten(2)[0] for image in (x, a))
        gram, target = f @ f.T / f.shape[1], (g @ g.T / g.shape[1]).detach()
        style = style + 0.5 * ((gram - target) ** 2).sum() / (4 * len(f) ** 2)
    (other,) = torch.autograd.grad(style, x)
    return slope.square().sum().sqrt().item(), other.square().sum().sqrt().item()


def test_norms_are_those_of_the_papers_losses():
    options = dict(style_layers=["relu2_1", "relu3_1"], backbone=NETWORK, seed=3, device="cpu")
    norms = nst.gradient_norms(PHOTO, PAINTING, 64, **options)
    content, style = by_hand(64)
    assert norms["content"] == pytest.approx(content, rel=1e-3)
    assert norms["style"] == pytest.approx(style, rel=1e-3)


def test_the_weighted_gradients_keep_their_ratio():
    options = dict(backbone=NETWORK, device="cpu")
    alpha = nst.hold_strength(PHOTO, PAINTING, 96, alpha=2.0, reference=64, **options)
    small, large = (nst.gradient_norms(PHOTO, PAINTING, size, **options) for size in (64, 96))
    held = alpha * large["content"] / large["style"]
    assert held == pytest.approx(2.0 * small["content"] / small["style"], rel=1e-5)
    assert alpha != pytest.approx(2.0, rel=0.1)
    same = nst.hold_strength(PHOTO, PAINTING, 64, alpha=2.0, reference=64, **options)
    assert same == pytest.approx(2.0)


def test_unknown_convention_is_named():
    with pytest.raises(nst.NSTError, match="'fair'"):
        nst.gradient_norms(PHOTO, PAINTING, 64, convention="fair", backbone=NETWORK)


@pytest.mark.slow
def test_the_papers_alpha_falls_about_as_the_number_of_positions_grows():
    pair = nst.DATA / "content" / "china.jpg", nst.DATA / "style" / "night.jpg"
    paper = nst.hold_strength(*pair, 384, alpha=1.0, reference=192)
    assert 1 / 6 < paper < 1 / 3  # 1/4 if it were only the number of positions
    balanced = nst.hold_strength(*pair, 384, alpha=1.0, reference=192, convention="balanced")
    assert 1 / 2 < balanced < 2
