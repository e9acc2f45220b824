"""Training pairs: pieces of the photographs, degraded as `ddrlib.degrade` does it."""

import pytest
import torch

from ddrlib.degrade.degradation import degrade
from ddrlib.errors import DDRError
from ddrlib.training.sampling import Sampler, gaussian_blur


def photo(height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator)


def dihedral(image):
    """The eight flips and transposes of (3, S, S)."""
    for turned in (image, image.mT):
        for flipped in (turned, turned.flip(1)):
            yield from (flipped, flipped.flip(2))


def test_crops_are_pieces_of_the_photographs_in_all_eight_poses():
    photos = [("a", photo(17, 30)), ("b", photo(24, 16, seed=1))]
    seen = set()
    for hr in Sampler(photos, 16, 64)(0).hr:
        crop = (hr * 255).round().to(torch.uint8)
        found = {
            (name, pose)
            for name, image in photos
            for pose, turned in enumerate(dihedral(crop))
            for piece in image.unfold(1, 16, 1).unfold(2, 16, 1).flatten(1, 2).unbind(1)
            if piece.equal(turned)
        }
        assert len(found) == 1
        seen |= found
    assert {pose for _, pose in seen} == set(range(8))
    assert {name for name, _ in seen} == {"a", "b"}


def test_texture_is_preferred():
    image = photo(64, 256)
    image[:, :, 128:] = 90
    draw = Sampler([("a", image)], 16, 32)
    textured = [bool(hr.std() > 0.1) for i in range(8) for hr in draw(i).hr]
    assert sum(textured) > 0.98 * len(textured)  # half of all crops are


def test_a_batch_follows_from_seed_iteration_and_rank():
    photos = [("a", photo(64, 64))]
    draw = Sampler(photos, 32, 4, noise=20, blur=4)
    first = draw(7)
    draw(8)
    for again, same in (
        (draw(7), True),
        (draw(8), False),
        (Sampler(photos, 32, 4, noise=20, blur=4, rank=1)(7), False),
        (Sampler(photos, 32, 4, noise=20, blur=4, seed=1)(7), False),
    ):
        assert all(a.equal(b) for a, b in zip(first, again, strict=True)) is same


def test_clean_pairs_are_those_of_degrade():
    batch = Sampler([("a", photo(128, 128))], 64, 4)(0)
    assert (batch.lr - degrade(batch.hr, "clean")).abs().max() <= 1.001 / 255  # a rounding, rarely
    assert (batch.lr - degrade(batch.hr, "clean")).abs().mean() < 1e-5
    assert batch.blur.eq(0).all() and batch.noise.eq(0).all()


def test_each_image_gets_its_own_blur_and_it_is_degrades_blur():
    hr = photo(96, 96)[None].float() / 255
    sigmas = torch.tensor([0.0, 0.5, 1.5, 4.0])
    blurred = gaussian_blur(hr.expand(4, -1, -1, -1), sigmas, 4.0)
    assert blurred[0].allclose(hr[0], atol=1e-6)
    for image, sigma in zip(blurred[1:], sigmas[1:], strict=True):
        lr, expected = degrade(image[None], "clean"), degrade(hr, f"blur{sigma:g}")
        assert (lr - expected).abs().max() <= 1.001 / 255
    assert blurred.var((1, 2, 3)).diff().max() < 0  # more blur, less variance


def test_noise_and_blur_are_uniform_up_to_their_maximum():
    grey = torch.full((3, 64, 64), 128, dtype=torch.uint8)
    batch = Sampler([("a", grey)], 64, 400, blur=4, noise=20)(0)
    for degree, largest in ((batch.blur, 4), (batch.noise, 20)):
        assert degree.min() >= 0 and degree.max() <= largest
        assert degree.mean() == pytest.approx(largest / 2, rel=0.1)
    measured = (batch.lr * 255 - 128).std((1, 2, 3))
    loud = batch.noise > 2
    assert (measured / batch.noise)[loud].mean() == pytest.approx(1, abs=0.02)


def test_photographs_smaller_than_a_crop_are_named():
    photos = [("large.png", photo(64, 64)), ("small.png", photo(31, 64))]
    with pytest.raises(DDRError, match="small.png .* smaller than a crop of 32 pixels"):
        Sampler(photos, 32, 4)
    with pytest.raises(DDRError, match="photographs for training"):
        Sampler([], 32, 4)
