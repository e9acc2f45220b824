"""Degradations and their text, the order of steps, resampling against Pillow, determinism."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

from ddrlib.data.photographs import load_patches
from ddrlib.degrade import samples
from ddrlib.degrade.degradation import Degradation, clean, degrade, downsample, parse, upsample
from ddrlib.degrade.samples import Samples
from ddrlib.degrade.steps import KINDS, Blur, Jpeg, Jpeg2000, Noise
from ddrlib.errors import DDRError


@pytest.fixture(scope="module")
def photos():
    """Four 64 x 64 photographs, 8-bit values in [0, 1]."""
    from ddrlib.data.photographs import load_patches

    return load_patches("eval", n=4, size=64).images


# Text


def test_parse():
    assert parse("clean") == parse(" CLEAN ") == clean == Degradation()
    assert parse("blur4") == Degradation((Blur(4),))
    assert parse("Blur 2 + NOISE10.5+jpeg50") == Degradation((Blur(2), Noise(10.5), Jpeg(50)))
    assert parse("jp2k20") == Degradation((Jpeg2000(20),))
    assert parse(clean) is clean


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("clean", "clean"),
        ("blur4.0", "blur4"),
        ("noise020", "noise20"),
        ("blur-0", "blur0"),
        ("Blur .5+JP2K 07", "blur0.5+jp2k7"),
        ("noise0.00001", "noise0.00001"),
    ],
)
def test_canonical_text(text, canonical):
    assert str(parse(text)) == canonical


def _steps(side):
    def of(kind):
        whole, real = st.integers(kind.low, kind.high), st.floats(kind.low, kind.high)
        return (whole if kind.whole else whole | real).map(kind)

    return st.lists(st.sampled_from([k for k in KINDS.values() if k.side == side]).flatmap(of))


@given(_steps("hr"), _steps("lr"))
def test_round_trip(hr_side, lr_side):
    degradation = Degradation(hr_side + lr_side)
    assert parse(str(degradation)) == degradation and hash(parse(str(degradation))) == hash(
        degradation
    )
    assert parse(str(degradation).replace("+", " + ").upper()) == degradation
    assert str(parse(str(degradation))) == str(degradation)


@given(st.text() | st.from_regex(r"(blur|noise|jpeg|jp2k|x)?-?[0-9.]{0,5}(\+noise9)?\n?"))
def test_any_text_is_a_degradation_or_one_line(text):
    try:
        assert parse(str(parse(text))) == parse(text)
    except DDRError as error:
        assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("blr4", r"'blr4': no step is called 'blr'; did you mean blur\? .*blur 0\.\.16"),
        ("nosie20", "did you mean noise"),
        ("clen", "did you mean clean"),
        ("", "no step is called ''"),
        ("blur4+", r"'blur4\+': no step is called ''"),
        ("clean+blur4", "no step is called 'clean'"),
        ("4", "no step is called ''"),
        ("blur", "blur takes a number from 0 to 16"),
        ("blur1.2.3", "blur takes a number from 0 to 16"),
        ("blur-1", "blur takes a number from 0 to 16"),
        ("blur16.1", "blur takes a number from 0 to 16"),
        ("noise256", "noise takes a number from 0 to 255"),
        ("jpeg0", "jpeg takes a whole number from 1 to 95"),
        ("jpeg50.5", "jpeg takes a whole number from 1 to 95"),
        ("1" * 200_000 + "x", "no step is called"),  # in no time
        ("noise10+blur2", "blur2 acts before the downsampling, noise10 after it; put blur2 first"),
    ],
)
def test_what_does_not_parse(text, reason):
    with pytest.raises(DDRError, match=reason):
        parse(text)


@pytest.mark.parametrize("degree", [float("nan"), float("inf"), -1e-9, 16.1])
def test_degrees_out_of_range(degree):
    with pytest.raises(DDRError, match="blur takes a number from 0 to 16"):
        Blur(degree)


# Resampling


def test_downsample_is_pillows(photos):
    for plane in photos.flatten(0, 1)[:6]:
        expected = np.asarray(Image.fromarray(plane.numpy()).resize((16, 16), Image.BICUBIC))
        got = downsample(plane[None, None])[0, 0].numpy()
        np.testing.assert_allclose(got, expected.clip(0, 1), atol=1e-5)


def test_upsample_is_pillows(photos):
    for plane in photos.flatten(0, 1)[:6]:
        expected = np.asarray(Image.fromarray(plane.numpy()).resize((128, 128), Image.BICUBIC))
        got = upsample(plane[None, None], 2)[0, 0].numpy()
        np.testing.assert_allclose(got, expected.clip(0, 1), atol=1e-5)


def test_resampling_keeps_the_range_and_constants():
    edge = torch.zeros(1, 3, 16, 16)
    edge[..., 8:] = 1  # bicubic overshoots here
    for y in (upsample(edge), downsample(edge)):
        assert y.min() == 0 and y.max() == 1
    flat = torch.full((1, 3, 8, 8), 0.3)
    torch.testing.assert_close(downsample(flat), flat[..., :2, :2])


def test_sizes_must_divide():
    with pytest.raises(DDRError, match="30 x 32: the sides must be multiples of 4"):
        downsample(torch.zeros(1, 3, 32, 30))


# Degrading


def test_clean_is_8_bit_bicubic(photos):
    lr = degrade(photos, "clean")
    assert lr.shape == (4, 3, 16, 16) and lr.dtype == torch.float32
    torch.testing.assert_close(lr * 255, (lr * 255).round(), atol=1e-4, rtol=0)
    assert (lr - downsample(photos)).abs().max() <= 0.5001 / 255


@pytest.mark.parametrize(("low", "high", "up"), [(100, 101, 101), (0, 255, 128), (0, 1, 1)])
def test_half_a_level_goes_up_everywhere(low, high, up):
    """Columns by turns low and high: the symmetric filter's mean is a half, but for rounding."""
    levels = torch.tensor([low, high]).repeat(32).expand(1, 3, 64, 64) / 255
    inner = degrade(levels, "clean")[..., 2:-2] * 255
    assert (inner.round() == up).all()


def test_blur_comes_before_the_downsampling(photos):
    for image, lr in zip(photos, degrade(photos, "blur2.5", scale=2), strict=True):
        for plane, got in zip(image.numpy(), lr.numpy(), strict=True):
            blurred = gaussian_filter(plane.astype(np.float64), 2.5, mode="mirror", radius=10)
            small = Image.fromarray(blurred.astype(np.float32)).resize((32, 32), Image.BICUBIC)
            assert np.abs(got - np.asarray(small)).max() <= 0.501 / 255


def test_jpeg_comes_after_the_noise(photos):
    noisy = degrade(photos, Degradation((Noise(10),)))
    # The text is part of the generator's seed, so the noise itself must be taken from the degradation.
    expected = _by_pillow(noisy, "JPEG", quality=30)
    assert not torch.equal(degrade(photos, "noise10+jpeg30"), expected)
    assert torch.equal(
        degrade(photos, "noise0+jpeg30"), _by_pillow(degrade(photos, "clean"), "JPEG", quality=30)
    )
    roughness = [
        y.diff(dim=-1).abs().mean()
        for y in (degrade(photos, "jpeg10+noise40"), degrade(photos, "noise40+jpeg10"))
    ]
    assert roughness[0] > 1.5 * roughness[1]  # compression last smooths the noise away


def _by_pillow(images, format, **options):
    decoded = []
    for image in images.mul(255).round().byte().permute(0, 2, 3, 1).numpy():
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, format, **options)
        decoded.append(np.asarray(Image.open(buffer)))
    return torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2).float() / 255


ALL = [
    "clean",
    "blur3",
    "lens2",
    "motion7",
    "noise20",
    "impulse5",
    "contrast0.5",
    "quantize8",
    "jpeg30",
    "jp2k10",
    "fading1",
    "blur1+motion5+noise10+jpeg50",
]
RANDOM = {"motion7", "noise20", "impulse5", "fading1", "blur1+motion5+noise10+jpeg50"}


def test_all_kinds_are_tried():
    assert {step.name for text in ALL for step in parse(text).steps} == set(KINDS)


@pytest.mark.parametrize("text", ALL)
def test_determinism(photos, text):
    whole = degrade(photos, text)
    assert torch.equal(whole, degrade(photos, text))
    assert torch.equal(whole[2:3], degrade(photos[2:3], text))
    assert torch.equal(whole[[3, 1]], degrade(photos[[3, 1]], text))
    assert torch.equal(whole, degrade(photos, text, seed=1)) == (text not in RANDOM)
    twins = degrade(photos[[0, 0]], text)
    assert torch.equal(twins[0], twins[1])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_gpu_gives_the_same(photos):
    for text in ALL:
        on_gpu = degrade(photos.cuda(), text)
        assert on_gpu.is_cuda and torch.equal(on_gpu.cpu(), degrade(photos, text)), text


def test_large_batches_are_cut_in_blocks(photos, monkeypatch):
    whole = degrade(photos, "motion7+noise20")
    monkeypatch.setattr("ddrlib.degrade.degradation.BLOCK", 3)
    assert torch.equal(degrade(photos, "motion7+noise20"), whole)


def test_noise_differs_between_images_and_degrees():
    images = torch.full((2, 3, 64, 64), 0.5)
    images[1] += 1 / 255
    y = degrade(images, "noise20") - degrade(images, "clean")
    z = degrade(images[:1], "noise21") - degrade(images[:1], "clean")
    for a, b in ((y[0], y[1]), (y[0], z[0])):
        assert abs(np.corrcoef(a.flatten(), b.flatten())[0, 1]) < 0.1  # 768 values: sd 0.036


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(3, 8, 8),
        torch.zeros(1, 1, 8, 8),
        torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
        torch.zeros(0, 3, 8, 8),
    ],
)
def test_what_is_no_batch_of_images(images):
    with pytest.raises(DDRError, match="degrade takes"):
        degrade(images, "clean")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.01, 1.01, 255])
def test_what_is_no_image_in_the_unit_range_is_refused(value):
    """Else 8-bit values, for instance, would all be cut to white."""
    images = torch.zeros(2, 3, 8, 8)
    images[1, 2, 3, 4] = value
    with pytest.raises(DDRError, match=r"RGB in \[0, 1\]; divide"):
        degrade(images, "jpeg50")


@pytest.mark.parametrize("scale", [0, -4])
def test_scales_that_are_none(scale):
    with pytest.raises(DDRError, match="multiples of"):
        degrade(torch.zeros(1, 3, 8, 8), "clean", scale=scale)


def test_the_same_patches_are_degraded_once(monkeypatch):
    patches = load_patches("eval", n=3, size=32)
    first = Samples.of(patches, ["clean", "noise20"])
    monkeypatch.setattr(samples, "degrade", pytest.fail)
    again = Samples.of(patches, ["noise20", "clean"])
    assert torch.equal(again.under("noise20"), first.under("noise20"))
    monkeypatch.undo()
    other = Samples.of(patches, ["clean", "noise20"], seed=1)
    assert not torch.equal(other.under("noise20"), first.under("noise20"))
    patches.images.mul_(0.5)  # other patches in the same place
    assert not torch.equal(Samples.of(patches, ["clean", "noise20"]).images, first.images)
