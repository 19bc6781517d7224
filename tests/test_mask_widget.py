"""Sliders draw masks: where they are, how soft, and that the widget shows and returns them."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from nst_utils import NSTError
from nst_utils.mask_widget import DIMMED, MaskPainter, draw_mask, overlay


def test_an_ellipse_has_its_centre_and_its_area():
    mask = draw_mask((100, 200), x=0.3, y=0.6, width=0.4, height=0.5, soft=0)
    assert set(mask.unique().tolist()) <= {0.0, 0.5, 1.0}
    assert mask.mean().item() == pytest.approx(np.pi / 4 * 0.4 * 0.5, rel=0.02)
    rows, columns = torch.nonzero(mask[0, 0] == 1, as_tuple=True)
    assert (rows.float().mean() + 0.5).item() == pytest.approx(60, abs=0.5)
    assert (columns.float().mean() + 0.5).item() == pytest.approx(60, abs=0.5)


def test_a_quarter_turn_exchanges_width_and_height_in_pixels():
    turned = draw_mask((100, 200), width=0.4, height=0.5, angle=90)
    torch.testing.assert_close(turned, draw_mask((100, 200), width=0.25, height=0.8))


@pytest.mark.parametrize(
    ("angle", "inside", "outside"),
    [(0, (50, 10), (50, 190)), (90, (10, 100), (90, 100)), (180, (50, 190), (50, 10))],
)
def test_a_half_plane_lies_on_one_side_of_its_line(angle, inside, outside):
    mask = draw_mask((100, 200), "half-plane", angle=angle)[0, 0]
    assert mask[inside] == 1 and mask[outside] == 0
    assert mask.mean().item() == pytest.approx(0.5, abs=0.01)


def test_the_slope_is_as_wide_as_asked_for():
    row = draw_mask((100, 200), "half-plane", soft=0.2)[0, 0, 50]
    between = ((row > 0) & (row < 1)).sum().item()
    assert between == 20  # 0.2 heights
    assert (row.diff() <= 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"kind": "star"}, "'star'"), ({"width": 0}, "0 x 0.5"), ({"soft": -1}, "softness is -1")],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(NSTError, match=message):
        draw_mask((10, 10), **options)


def test_an_overlay_dims_what_is_outside():
    image, mask = torch.full((1, 3, 2, 2), 0.5), torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    shown = overlay(image, mask)
    assert (shown[..., 0] == 0.5).all()
    torch.testing.assert_close(shown[..., 1], torch.full((1, 3, 2), 0.5 * DIMMED))


def test_moving_a_slider_moves_the_mask_and_its_picture():
    painter = MaskPainter(torch.ones(1, 3, 60, 80))
    before = painter.picture.value
    painter.controls["kind"].value = "half-plane"
    painter.controls["x"].value = 0.25
    assert painter.controls["width"].disabled
    assert painter.picture.value != before
    assert torch.equal(painter.mask, draw_mask((60, 80), **painter.settings))
    assert painter.mask.mean().item() == pytest.approx(0.25, abs=0.02)
    shown = np.asarray(Image.open(io.BytesIO(painter.picture.value)).convert("L"))
    assert shown[:, :40].mean() > 240 and shown[:, -200:].mean() < 70
