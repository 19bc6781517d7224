"""Colours kept and matched, against numpy: covariances, YIQ, sorted values."""

import numpy as np
import pytest
import torch

import nst_utils as nst

# NTSC's matrix from RGB to YIQ, from the standard's own numbers.
YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
PHOTO = nst.load_image(nst.DATA / "content" / "coffee.jpg", 120)
PAINTING = nst.load_image(nst.DATA / "style" / "night.jpg", 100)
METHODS = ("cholesky", "symmetric", "histogram")
LINEAR = METHODS[:2]


def pixels(image):
    """Colours in float64, [M, 3]."""
    return image[0].double().numpy().reshape(3, -1).T


def covariance(image):
    return np.cov(pixels(image), rowvar=False, bias=True)


def flat(*color):
    return torch.tensor(color).reshape(1, 3, 1, 1).expand(1, 3, 8, 9).clone()


# keep_color


def test_chrominance_is_kept_exactly_and_in_the_gamut():
    painted = nst.resize(PAINTING, tuple(PHOTO.shape[-2:]))
    kept = nst.keep_color(painted, PHOTO)
    assert kept.shape == PHOTO.shape and kept.dtype == torch.float32
    assert kept.min() >= 0 and kept.max() <= 1
    chroma = YIQ[1:] @ (pixels(kept) - pixels(PHOTO)).T
    assert np.abs(chroma).max() < 2e-7
    # ... which a plain clamp of the same picture would not do
    moved = pixels(PHOTO) + ((pixels(painted) - pixels(PHOTO)) @ YIQ[0])[:, None]
    assert np.abs(YIQ[1:] @ (moved.clip(0, 1) - pixels(PHOTO)).T).max() > 0.1


def test_luminance_is_the_painted_one_or_the_nearest_that_the_colour_has():
    painted = nst.resize(PAINTING, tuple(PHOTO.shape[-2:]))
    got = pixels(nst.keep_color(painted, PHOTO))
    wanted = pixels(painted) @ YIQ[0]
    moved = pixels(PHOTO) + (wanted - pixels(PHOTO) @ YIQ[0])[:, None]
    inside = (moved >= 0).all(1) & (moved <= 1).all(1)
    assert 0.1 < inside.mean() < 1
    np.testing.assert_allclose(got[inside] @ YIQ[0], wanted[inside], atol=1e-6)
    at_the_edge = np.minimum(got.min(1), 1 - got.max(1))[~inside]
    assert at_the_edge.max() < 1e-6


def test_grey_photograph_takes_any_luminance():
    grey = nst.luminance(PHOTO)
    white = torch.ones_like(grey)
    torch.testing.assert_close(nst.keep_color(white, grey), white)


def test_a_picture_keeps_itself():
    torch.testing.assert_close(nst.keep_color(PHOTO, PHOTO), PHOTO, atol=1e-6, rtol=0)


def test_luminance_has_three_equal_channels():
    grey = nst.luminance(PHOTO)
    assert torch.equal(grey[:, 0], grey[:, 1]) and torch.equal(grey[:, 0], grey[:, 2])
    np.testing.assert_allclose(pixels(grey)[:, 0], pixels(PHOTO) @ YIQ[0], atol=1e-7)


def test_keep_color_asks_for_one_size():
    with pytest.raises(nst.NSTError, match="resize the photograph"):
        nst.keep_color(PAINTING, PHOTO)


# match_color


@pytest.mark.parametrize("method", LINEAR)
def test_mean_and_covariance_are_the_contents(method):
    matched = nst.match_color(PAINTING, PHOTO, method, clamp=False)
    assert matched.shape == PAINTING.shape and matched.dtype == torch.float32
    np.testing.assert_allclose(pixels(matched).mean(0), pixels(PHOTO).mean(0), atol=1e-4)
    np.testing.assert_allclose(covariance(matched), covariance(PHOTO), atol=1e-4)
    assert np.abs(covariance(PAINTING) - covariance(PHOTO)).max() > 1e-2


def test_cholesky_is_numpys_where_numpy_has_one():
    S, C = (np.linalg.cholesky(covariance(image)) for image in (PAINTING, PHOTO))
    centred = pixels(PAINTING) - pixels(PAINTING).mean(0)
    expected = centred @ (C @ np.linalg.inv(S)).T + pixels(PHOTO).mean(0)
    matched = nst.match_color(PAINTING, PHOTO, "cholesky", clamp=False)
    np.testing.assert_allclose(pixels(matched), expected, atol=1e-5)


def test_symmetric_is_the_product_of_symmetric_roots():
    roots = []
    for image in (PAINTING, PHOTO):
        values, vectors = np.linalg.eig(covariance(image))
        roots.append(vectors @ np.diag(np.sqrt(values)) @ np.linalg.inv(vectors))
    centred = pixels(PAINTING) - pixels(PAINTING).mean(0)
    expected = centred @ (roots[1] @ np.linalg.inv(roots[0])).T + pixels(PHOTO).mean(0)
    matched = nst.match_color(PAINTING, PHOTO, "symmetric", clamp=False)
    np.testing.assert_allclose(pixels(matched), expected, atol=1e-5)


def test_histograms_are_the_contents():
    content = torch.rand(1, 3, 30, 40, generator=torch.Generator().manual_seed(0))
    style = torch.rand(1, 3, 40, 30, generator=torch.Generator().manual_seed(1)) ** 2
    matched = nst.match_color(style, content, "histogram")
    channels = (pixels(image).T for image in (matched, style, content))
    for got, given, wanted in zip(*channels, strict=True):
        np.testing.assert_allclose(np.sort(got), np.sort(wanted), atol=1e-6)
        assert (np.diff(got[np.argsort(given)]) >= 0).all()


def test_histogram_matching_keeps_equal_values_equal():
    step = flat(0.2, 0.2, 0.2)
    step[..., 4:, :] = 0.7
    matched = nst.match_color(step, PHOTO, "histogram")
    assert len(matched[0, 0].unique()) == 2
    content = flat(0.1, 0.5, 0.9)
    torch.testing.assert_close(nst.match_color(step, content, "histogram"), content)


@pytest.mark.parametrize("method", LINEAR)
def test_grey_pictures_match_in_mean_and_spread(method):
    matched = nst.match_color(nst.luminance(PAINTING), nst.luminance(PHOTO), method, clamp=False)
    np.testing.assert_allclose(covariance(matched), covariance(nst.luminance(PHOTO)), atol=1e-4)
    np.testing.assert_allclose(np.ptp(pixels(matched), axis=1), 0, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_flat_pictures_are_no_trouble(method):
    brown = flat(0.4, 0.3, 0.2)
    to_flat = nst.match_color(PAINTING, brown, method)
    torch.testing.assert_close(to_flat, brown[..., :1, :1].expand_as(PAINTING))
    from_flat = nst.match_color(brown, PHOTO, method)
    assert from_flat.isfinite().all() and np.ptp(pixels(from_flat), axis=0).max() < 1e-6


@pytest.mark.parametrize("method", LINEAR)
def test_a_grey_style_for_a_colourful_photograph_stays_on_one_line_of_colour(method):
    matched = nst.match_color(nst.luminance(PAINTING), PHOTO, method, clamp=False)
    values = np.linalg.eigvalsh(covariance(matched))
    assert values[-1] > 1e-3 and values[1] < 1e-9
    np.testing.assert_allclose(pixels(matched).mean(0), pixels(PHOTO).mean(0), atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_the_result_can_be_used_as_a_style(method):
    matched = nst.match_color(PAINTING, PHOTO, method)
    assert matched.min() >= 0 and matched.max() <= 1
    assert torch.equal(nst.load_image(matched), matched)


def test_unknown_method_is_named():
    with pytest.raises(nst.NSTError, match="'magic'.*cholesky, symmetric, histogram"):
        nst.match_color(PAINTING, PHOTO, "magic")


# transfer_luminance


def test_luminance_transfer_keeps_the_photographs_chrominance():
    options = dict(backbone="tiny_vgg19", size=64, steps=4, pyramid=1, progress=False)
    result = nst.transfer_luminance(PHOTO, PAINTING, snapshots=2, **options)
    photo = nst.resize(PHOTO, tuple(result.image.shape[-2:]))
    assert np.abs(YIQ[1:] @ (pixels(result.image) - pixels(photo)).T).max() < 2e-7
    assert (result.image - photo).abs().mean() > 0.005
    assert len(result.history) == 4
    for _, frame in result.snapshots:
        chroma = YIQ[1:] @ (pixels(nst.load_image(frame)) - pixels(photo)).T
        assert np.abs(chroma).max() < 0.01  # 8 bits
