"""Image files of every kind, good and bad, against pixels known beforehand."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from ddrlib.data.images import load_image, read_pixels
from ddrlib.errors import DDRError


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif", "a.TIFF"])
def test_lossless_files_come_back_exactly(tmp_path, pixels, name, caplog):
    Image.fromarray(pixels).save(tmp_path / name, **({"lossless": True} if "webp" in name else {}))
    image = load_image(tmp_path / name)
    assert image.dtype == torch.float32 and image.shape == (3, 6, 8)
    np.testing.assert_allclose(image.permute(1, 2, 0).numpy(), pixels / 255, atol=1e-7)
    assert not caplog.records


def test_jpeg(tmp_path):
    Image.new("RGB", (16, 16), (200, 100, 50)).save(tmp_path / "a.jpg", quality=95)
    assert abs(read_pixels(tmp_path / "a.jpg").astype(int) - [200, 100, 50]).max() <= 3


def test_grey_is_repeated_and_said_once(tmp_path, pixels, caplog):
    path = tmp_path / "grey.png"
    Image.fromarray(pixels[..., 0]).save(path)
    for _ in range(2):
        np.testing.assert_array_equal(read_pixels(path), pixels[..., [0, 0, 0]])
    assert caplog.messages == [f"{path}: converted (mode L to RGB)"]


def test_palette(tmp_path, caplog):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(tmp_path / "a.png")
    assert (read_pixels(tmp_path / "a.png") == [10, 20, 30]).all()
    assert "mode P to RGB" in caplog.text


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bit_grey_is_scaled_not_cut(tmp_path, name, caplog):
    values = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / name)
    assert read_pixels(tmp_path / name)[0, :, 0].tolist() == [0, 1, 128, 255]
    assert "16 bits to 8" in caplog.text


def test_16_bit_colour(tmp_path, caplog):
    path = tmp_path / "a.png"
    values = np.array([[[0, 257 * 7, 65535]]], ">u2")  # Pillow writes no such file: by hand
    path.write_bytes(_png(1, 1, bit_depth=16, colour=2, rows=b"\0" + values.tobytes()))
    assert read_pixels(path)[0, 0].tolist() == [0, 7, 255]
    assert "16 bits to 8" in caplog.text


def test_transparency_is_laid_on_white(tmp_path, caplog):
    rgba = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]], np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    # 51 / 255 = 0.2 of the colour on 0.8 of white
    expected = [[[200, 100, 0], [255, 255, 255], [244, 224, 204]]]
    assert read_pixels(tmp_path / "a.png").tolist() == expected
    assert "laid on white" in caplog.text


def test_transparent_palette_entry(tmp_path):
    image = Image.new("P", (2, 1), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.putpixel((0, 0), 0)
    image.save(tmp_path / "a.png", transparency=0)
    assert read_pixels(tmp_path / "a.png").tolist() == [[[255] * 3, [10, 20, 30]]]


def test_exif_orientation_is_respected(tmp_path, pixels):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it turned clockwise
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.png"), np.rot90(pixels, -1))


def test_first_frame_of_several(tmp_path, pixels, caplog):
    frames = [Image.fromarray(pixels), Image.fromarray(255 - pixels)]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.tif"), pixels)
    assert "first frame" in caplog.text


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_truncated_file_is_refused_by_name(tmp_path, suffix):
    path = tmp_path / f"cut.{suffix}"
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    _refused(path, "not a readable image")


def test_files_that_are_no_images(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not a picture")
    _refused(tmp_path / "empty.png", "not a readable image")
    _refused(tmp_path / "text.png", "not a readable image")
    _refused(tmp_path / "none.png", "no such image file")
    _refused(tmp_path, "not a readable image")


def test_float_image_is_refused(tmp_path):
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "a.tif")
    _refused(tmp_path / "a.tif", "32 bits")


@pytest.mark.parametrize("side", [10_000, 60_000])  # Pillow warns at the one, raises at the other
def test_gigantic_image_is_refused_unread(tmp_path, side):
    path = tmp_path / "bomb.png"
    path.write_bytes(_png(side, side, bit_depth=1, colour=0, rows=b""))
    _refused(path, "larger than 89 megapixels")


def _refused(path, reason):
    with pytest.raises(DDRError) as caught:
        read_pixels(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and reason in line and "\n" not in line


def _png(width, height, bit_depth, colour, rows) -> bytes:
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, bit_depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
