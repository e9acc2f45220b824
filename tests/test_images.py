"""Image files of every kind, good and bad, against pixels known beforehand."""

from __future__ import annotations

import io
import itertools
import os
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from ddrlib.data import png
from ddrlib.data.images import is_image, load_image, read_pixels
from ddrlib.errors import DDRError


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif", "a.TIFF", "a.bmp", "a.ppm"])
def test_lossless_files_come_back_exactly(tmp_path, pixels, name, caplog):
    Image.fromarray(pixels).save(tmp_path / name, **({"lossless": True} if "webp" in name else {}))
    image = load_image(tmp_path / name)
    assert image.dtype == torch.float32 and image.shape == (3, 6, 8)
    np.testing.assert_allclose(image.permute(1, 2, 0).numpy(), pixels / 255, atol=1e-7)
    assert not caplog.records


def test_jpeg(tmp_path):
    Image.new("RGB", (16, 16), (200, 100, 50)).save(tmp_path / "a.jpg", quality=95)
    pixels, changes = read_pixels(tmp_path / "a.jpg")
    assert abs(pixels.astype(int) - [200, 100, 50]).max() <= 3 and not changes


def test_grey_is_repeated_and_said_once(tmp_path, pixels, caplog):
    path = tmp_path / "grey.png"
    Image.fromarray(pixels[..., 0]).save(path)
    assert _read(path, "mode L to RGB") == pixels[..., [0, 0, 0]].tolist()
    for _ in range(2):
        load_image(path)
    assert caplog.messages == [f"{path}: mode L to RGB"]


def test_palette(tmp_path):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(tmp_path / "a.png")
    assert _read(tmp_path / "a.png", "mode P to RGB") == [[[10, 20, 30]] * 4] * 4


# Bits, and which end is white


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bit_grey_is_scaled_not_cut(tmp_path, name):
    values = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / name)
    found = _read(tmp_path / name, "16 bits to 8", "mode L to RGB")
    assert [grey for grey, *_ in found[0]] == [0, 1, 128, 255]


def test_16_bit_colour(tmp_path):
    path = tmp_path / "a.png"
    values = np.array([[[0, 257 * 7, 65535]]], ">u2")  # Pillow writes no such file: by hand
    path.write_bytes(_png(1, 1, bit_depth=16, colour=2, rows=b"\0" + values.tobytes()))
    assert _read(path, "16 bits to 8") == [[[0, 7, 255]]]


@pytest.mark.parametrize(
    ("order", "bits", "white_is_zero", "stored", "grey"),
    [
        (">", 8, True, [0, 100, 255], [255, 155, 0]),
        (">", 16, False, [0, 257 * 100, 65535], [0, 100, 255]),
        ("<", 8, True, [0, 100, 255], [255, 155, 0]),
        ("<", 16, True, [0, 257 * 100, 65535], [255, 155, 0]),
        ("<", 16, False, [0, 257 * 100, 65535], [0, 100, 255]),
        ("<", 12, False, [0, 2048, 4095, 819], [0, 128, 255, 51]),
    ],
)
def test_bits_and_white_of_a_tiff(tmp_path, order, bits, white_is_zero, stored, grey):
    if bits == 12:
        a, b, c, d = stored
        strip = bytes(
            [a >> 4, a % 16 << 4 | b >> 8, b % 256, c >> 4, c % 16 << 4 | d >> 8, d % 256]
        )
    else:
        strip = np.array(stored, f"{order}u{bits // 8}").tobytes()
    path = tmp_path / "a.tif"
    path.write_bytes(_tiff(len(stored), 1, bits, 1 - white_is_zero, strip, order=order))
    said = ["16 bits to 8"] if bits > 8 else []
    assert [rgb[0] for rgb in _read(path, *said, "mode L to RGB")[0]] == grey


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16", "uint32", "float32"])
def test_a_tiff_is_read_right_or_refused(tmp_path, pixels, kind, channels):
    """Pillow reads some kinds wrong and says nothing: held against what another library wrote."""
    colour, path = channels > 2, tmp_path / "a.tif"
    values = np.dstack([pixels if colour else pixels[..., :1], 0 * pixels[..., :1] + 255])
    values = values[..., :channels] * (np.iinfo(kind).max / 255 if "int" in kind else 1 / 255)
    for order, planar in itertools.product("<>", ["contig", "separate"]):
        stored = np.moveaxis(values, -1, 0) if planar == "separate" else values
        tifffile.imwrite(
            path,
            np.ascontiguousarray((stored if channels > 1 else stored.squeeze()).astype(kind)),
            photometric="rgb" if colour else "minisblack",
            planarconfig=planar if channels > 1 else None,
            extrasamples=["unassalpha"] * (channels in (2, 4)),
            byteorder=order,
        )
        try:
            found, _ = read_pixels(path)
        except DDRError:
            assert kind != "uint8" or channels == 2, "what everybody writes is to be read"
        else:
            assert (found == (pixels if colour else pixels[..., :1])).all(), (order, planar)


def test_a_portable_greymap_has_its_own_white(tmp_path):
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 3 1 1023\n" + np.array([0, 512, 1023], ">u2").tobytes())
    assert _read(path, "16 bits to 8", "mode L to RGB") == [[[0] * 3, [128] * 3, [255] * 3]]


# Transparency


def test_transparency_is_laid_on_white(tmp_path):
    rgba = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]], np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    # 51 / 255 = 0.2 of the colour on 0.8 of white
    expected = [[[200, 100, 0], [255, 255, 255], [244, 224, 204]]]
    assert _read(tmp_path / "a.png", "transparency laid on white") == expected


def test_an_opaque_image_is_not_called_transparent(tmp_path, pixels):
    Image.fromarray(pixels).convert("RGBA").save(tmp_path / "a.png")
    assert _read(tmp_path / "a.png") == pixels.tolist()


def test_transparent_palette_entry(tmp_path):
    image = Image.new("P", (2, 1), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.putpixel((0, 0), 0)
    image.save(tmp_path / "a.png", transparency=0)
    assert read_pixels(tmp_path / "a.png")[0].tolist() == [[[255] * 3, [10, 20, 30]]]


@pytest.mark.parametrize(
    ("bits", "colour", "row", "key", "expected"),
    [
        (2, 0, bytes([0b00_01_10_00]), (1,), [[0] * 3, [255] * 3, [170] * 3]),
        (8, 0, bytes([7, 8, 9]), (8,), [[7] * 3, [255] * 3, [9] * 3]),
        (16, 0, struct.pack(">3H", 257, 2 * 257, 257), (514,), [[1] * 3, [255] * 3, [1] * 3]),
        (8, 2, bytes([1, 2, 3, 4, 5, 6, 1, 2, 4]), (4, 5, 6), [[1, 2, 3], [255] * 3, [1, 2, 4]]),
        (
            16,
            2,
            struct.pack(">9H", *(257 * value for value in (1, 2, 3, 4, 5, 6, 1, 2, 4))),
            (257 * 4, 257 * 5, 257 * 6),
            [[1, 2, 3], [255] * 3, [1, 2, 4]],
        ),
    ],
)
def test_transparent_colour_of_a_png(tmp_path, bits, colour, row, key, expected):
    chunks = _chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))
    path = tmp_path / "a.png"
    path.write_bytes(_png(3, 1, bits, colour, b"\0" + row, chunks))
    assert read_pixels(path)[0].tolist() == [expected]


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp", "a.jpg"])
def test_exif_orientation_is_respected(tmp_path, pixels, name, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / name, exif=exif, lossless=True)
    with Image.open(tmp_path / name) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert _read(tmp_path / name) == expected.tolist()
    if name == "a.png" and orientation == 6:  # the camera was turned: show it turned clockwise
        np.testing.assert_array_equal(expected, np.rot90(pixels, -1))


@pytest.mark.parametrize(
    "exif", [b"", b"MM", b"MM\0*\0\0\0\x08\xff\xff", b"\0" * 40, b"Exif\0\0II"]
)
def test_damaged_exif_data_do_not_stop_a_picture(tmp_path, pixels, exif):
    for name, options in {"a.jpg": {"quality": 95}, "a.png": {}, "a.webp": {}}.items():
        Image.fromarray(pixels).save(tmp_path / name, exif=exif, **options)
        assert read_pixels(tmp_path / name)[0].shape == pixels.shape


def test_adobe_rgb_by_exif_alone_is_named(tmp_path, pixels):
    exif = Image.Exif()
    exif[0x8769] = {0xA001: 2}
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    assert _read(tmp_path / "a.png", "Adobe RGB (by its EXIF data) not applied") == pixels.tolist()


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_first_frame_of_several(tmp_path, pixels, name):
    frames = [Image.fromarray(pixels), Image.fromarray(255 - pixels)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    assert _read(tmp_path / name, "first frame only") == pixels.tolist()


# Colour profiles

D50 = 0.9642, 1.0, 0.8249
SRGB_TO_D50 = (0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)
PROPHOTO_TO_D50 = (0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.00009), (0.03134, 0.00009, 0.82521)


def _icc(space: bytes, gamma: float, primaries=()) -> bytes:
    """The smallest ICC display profile: primaries in XYZ under D50, and one gamma."""

    def xyz(values):
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))

    curve = b"curv\0\0\0\0" + struct.pack(">LH", 1, round(gamma * 256)) + b"\0\0"
    name = b"desc\0\0\0\0" + struct.pack(">L", 5) + b"test\0" + b"\0" * 78
    tags = [(b"desc", name + b"\0"), (b"wtpt", xyz(D50))]
    if space == b"CMYK":  # a table of 2 x 2 x 2 x 2 colours in Lab: white without ink, else black
        grid = bytes([255, 128, 128]) + bytes([0, 128, 128]) * 15
        matrix = struct.pack(">9i", *np.eye(3, dtype=int).ravel() * 65536)
        line = bytes(range(256))
        table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + line * 4 + grid + line * 3
        tags.append((b"A2B0", table))
    if space == b"GRAY":
        tags.append((b"kTRC", curve))
    for letter, primary in zip(b"rgb", primaries, strict=False):
        tags += [(bytes([letter]) + b"XYZ", xyz(primary)), (bytes([letter]) + b"TRC", curve)]
    at, table, data = 132 + 12 * len(tags), struct.pack(">L", len(tags)), b""
    for tag, value in tags:
        table += tag + struct.pack(">LL", at + len(data), len(value))
        data += value + b"\0" * (-len(value) % 4)
    kind, pcs = (b"prtr", b"Lab ") if space == b"CMYK" else (b"mntr", b"XYZ ")
    head = struct.pack(">L4sL4s4s4s6H", at + len(data), b"none", 0x02400000, kind, space, pcs,
                       2026, 1, 1, 0, 0, 0)  # fmt: skip
    return (head + b"acsp").ljust(68, b"\0") + xyz(D50)[8:] + b"\0" * 48 + table + data


WIDE = _icc(b"RGB ", 1.8, PROPHOTO_TO_D50)
CMYK = _icc(b"CMYK", 1.0)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _by_imagecms(image, profile):
    return ImageCms.profileToProfile(
        image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
def test_the_srgb_profile_changes_nothing(tmp_path, pixels, name):
    Image.fromarray(pixels).save(tmp_path / name, icc_profile=SRGB, lossless=True)
    assert _read(tmp_path / name) == pixels.tolist()


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp", "a.jpg"])
def test_a_wide_gamut_is_converted(tmp_path, name):
    grey, red = [100, 100, 100], [150, 100, 100]
    image = Image.fromarray(np.array([[grey] * 8, [red] * 8] * 8, np.uint8).repeat(8, 0))
    image.save(tmp_path / name, icc_profile=WIDE, lossless=True, quality=100)
    with Image.open(tmp_path / name) as stored:
        expected = np.asarray(_by_imagecms(stored.convert("RGB"), WIDE)).tolist()
    found = _read(tmp_path / name, "colour profile 'test' to sRGB")
    assert found == expected
    # Grey by hand: linear light (100 / 255) ** 1.8, then sRGB's curve.
    linear = (100 / 255) ** 1.8
    by_hand = 255 * (1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(np.array(found[0][0]) - by_hand).max() <= 2
    # ProPhoto's primaries are far apart: the same numbers are a stronger red in sRGB.
    assert found[8][0][0] > 150 + 20 and found[8][0][1] < by_hand


def test_the_srgb_primaries_with_another_gamma_are_no_srgb(tmp_path, pixels):
    profile = _icc(b"RGB ", 1.0, SRGB_TO_D50)
    Image.fromarray(np.full((2, 2, 3), 55, np.uint8)).save(tmp_path / "a.png", icc_profile=profile)
    linear = 55 / 255
    expected = 255 * (1.055 * linear ** (1 / 2.4) - 0.055)
    found = _read(tmp_path / "a.png", "colour profile 'test' to sRGB")
    assert np.abs(np.array(found) - expected).max() <= 1


def test_a_profile_with_transparency_a_palette_and_orientation(tmp_path):
    rgba = np.array([[[150, 100, 100, 255], [150, 100, 100, 0]]], np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 2  # mirrored
    Image.fromarray(rgba).save(tmp_path / "a.png", icc_profile=WIDE, exif=exif)
    red = _by_imagecms(Image.new("RGB", (1, 1), (150, 100, 100)), WIDE).getpixel((0, 0))
    said = "colour profile 'test' to sRGB", "transparency laid on white"
    assert _read(tmp_path / "a.png", *said) == [[[255] * 3, list(red)]]
    palette = Image.new("P", (1, 1), 1)
    palette.putpalette([0, 0, 0, 150, 100, 100])
    palette.save(tmp_path / "p.png", icc_profile=WIDE)
    assert _read(tmp_path / "p.png", "mode P to RGB", said[0]) == [[list(red)]]


@pytest.mark.parametrize("bits", [8, 16])
def test_a_grey_profile(tmp_path, bits):
    values = np.full((4, 4), 100, np.uint8) if bits == 8 else np.full((4, 4), 25700, np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png", icc_profile=_icc(b"GRAY", 1.0))
    expected = 255 * (1.055 * (100 / 255) ** (1 / 2.4) - 0.055)
    bits_said = ["16 bits to 8"] if bits == 16 else []
    said = *bits_said, "mode L to RGB", "colour profile 'test' to sRGB"
    assert np.abs(np.array(_read(tmp_path / "a.png", *said)) - expected).max() <= 1


def test_a_cmyk_profile(tmp_path):
    ink = np.zeros((1, 256, 4), np.uint8)
    ink[0, :, 3] = np.arange(256)  # black alone
    image = Image.fromarray(ink, "CMYK")
    image.save(tmp_path / "a.tif", icc_profile=CMYK)
    found = np.array(_read(tmp_path / "a.tif", "mode CMYK to RGB", "colour profile 'test' to sRGB"))
    np.testing.assert_array_equal(found, np.asarray(_by_imagecms(image, CMYK)))
    # By hand: L* = 100 (1 - k / 255), of which follow the luminance and its sRGB value.
    f = (116 - 100 * np.arange(256) / 255) / 116
    luminance = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    grey = np.where(
        luminance > 0.0031308, 1.055 * luminance ** (1 / 2.4) - 0.055, 12.92 * luminance
    )
    assert np.abs(found[0] - 255 * grey[:, None]).max() <= 2
    Image.new("RGB", (1, 1), (9, 9, 9)).save(tmp_path / "b.png", icc_profile=CMYK)
    said = "colour profile 'test' of other channels not applied"
    assert _read(tmp_path / "b.png", said) == [[[9, 9, 9]]]


@pytest.mark.parametrize(
    "profile",
    [b"no profile", SRGB[:200], WIDE[:128] + b"\xff" * 300, WIDE.replace(b"RGB ", b"Luv ")],
)
def test_a_damaged_profile_is_named_and_not_used(tmp_path, pixels, profile):
    for name in ("a.png", "a.tif", "a.webp"):
        Image.fromarray(pixels).save(tmp_path / name, icc_profile=profile, lossless=True)
        assert _read(tmp_path / name, "damaged colour profile not applied") == pixels.tolist()


def test_a_profile_of_other_channels_is_named_and_not_used(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=_icc(b"GRAY", 1.0))
    said = "colour profile 'test' of other channels not applied"
    assert _read(tmp_path / "a.png", said) == pixels.tolist()


# What else is in a file


def test_text_and_profiles_of_any_size(tmp_path, pixels):
    info = PngImagePlugin.PngInfo()
    info.add_itxt("workflow", "node " * 450_000, zip=True)
    info.add_text("parameters", "x" * 2_000_000, zip=True)
    info.add_text("icc_profile", "not one")
    info.add_text("transparency", "none")
    Image.fromarray(pixels).save(tmp_path / "a.png", pnginfo=info)
    assert _read(tmp_path / "a.png") == pixels.tolist()
    bomb = b"iCCP", b"x\0\0" + zlib.compress(b"\0" * 2**26)
    path = tmp_path / "b.png"
    path.write_bytes(_png(1, 1, 8, 0, b"\0\7", _chunk(*bomb)))
    assert _read(path, "mode L to RGB", "damaged colour profile not applied") == [[[7] * 3]]


@given(kind=st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"gAMA", b"cHRM", b"pHYs", b"eXIf", b"iCCP",
                             b"sBIT", b"acTL", b"fcTL", b"sRGB", b"cICP", b"tIME", b"vpAg"]),
       data=st.binary(max_size=40), is_intact=st.booleans())  # fmt: skip
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_note_of_a_png_keeps_it_from_being_read(tmp_path, kind, data, is_intact):
    chunk = _chunk(kind, data)
    path = tmp_path / "a.png"
    path.write_bytes(_png(1, 1, 8, 0, b"\0\7", chunk if is_intact else chunk[:-4] + b"\1\2\3\4"))
    assert read_pixels(path)[0].tolist() == [[[7, 7, 7]]]


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        ([(b"gAMA", struct.pack(">I", 45455))], []),
        ([(b"gAMA", struct.pack(">I", 100_000))], ["gamma 1 not applied"]),
        ([(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100_000))], []),
        ([(b"cHRM", struct.pack(">8I", *png.SRGB_PRIMARIES))], []),
        ([(b"cHRM", struct.pack(">8I", *[31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000]))],
         ["primaries not applied"]),
        ([(b"cICP", bytes([1, 13, 0, 1]))], []),
        ([(b"cICP", bytes([12, 13, 0, 1]))], ["cICP colour space not applied"]),
        ([(b"cICP", bytes([9, 16, 0, 1])), (b"sRGB", b"\0")], ["cICP colour space not applied"]),
    ],
)  # fmt: skip
def test_what_a_png_says_of_its_colours_is_named(tmp_path, chunks, said):
    path = tmp_path / "a.png"
    path.write_bytes(_png(1, 1, 8, 2, b"\0\1\2\3", b"".join(_chunk(*chunk) for chunk in chunks)))
    assert _read(path, *said) == [[[1, 2, 3]]]


@pytest.mark.parametrize(
    ("space", "said"),
    [(b"BGRs", []), (b" niW", []), (b"DEBM", ["calibrated colours not applied"])],
)
def test_a_calibrated_bmp_is_named(tmp_path, space, said):
    header = struct.pack("<IiiHHIIiiII", 124, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0)
    header = (header.ljust(56, b"\0") + space).ljust(124, b"\0")
    path = tmp_path / "a.bmp"
    path.write_bytes(b"BM" + struct.pack("<IHHI", 142, 0, 0, 138) + header + bytes([3, 2, 1, 0]))
    assert _read(path, *said) == [[[1, 2, 3]]]


# Files that are not read


def test_no_file_starts_another_program(tmp_path, monkeypatch):
    def started(*_, **__):
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", started)
    monkeypatch.setattr(os, "system", started)
    eps = (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n0 0 8 8 rectfill\n%%EOF\n"
    )
    for name in ("z.png", "z.jpg", "z.eps", "z"):
        (tmp_path / name).write_bytes(eps)
        _refused(
            tmp_path / name,
            "not a readable image (no BMP, JPEG, PNG, PPM, TIFF, WEBP that Pillow reads)",
        )
    assert not is_image(tmp_path / "z.eps") and not is_image(tmp_path / "z")


@pytest.mark.parametrize("tag", [(254, 1), (50706, 1)])
def test_the_preview_of_camera_raw_is_no_photograph(tmp_path, tag):
    path = tmp_path / "a.tif"
    path.write_bytes(_tiff(1, 1, 8, 1, b"\7", tags=[tag]))
    _refused(path, "a preview, as in camera raw")


def test_a_pipe_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    _refused(tmp_path / "a.png", "no such image file")


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
    _refused(tmp_path, "no such image file")


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


def _read(path: Path, *changes: str) -> list:
    """The pixels, after a look at what is said of them."""
    pixels, said = read_pixels(path)
    assert pixels.dtype == np.uint8 and said == list(changes)
    return pixels.tolist()


def _chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def _png(width, height, bit_depth, colour, rows, chunks=b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bit_depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + chunks
        + _chunk(b"IDAT", zlib.compress(rows))
        + _chunk(b"IEND", b"")
    )


def _tiff(width, height, bits, photometric, strip, tags=(), order="<") -> bytes:
    """A grey TIFF of one strip, which begins at byte 8."""
    entries = sorted(
        [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8), (277, 1),
         (278, height), (279, len(strip)), *tags]
    )  # fmt: skip
    at = 8 + len(strip) + len(strip) % 2
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", at)
    table = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in entries)
    return start + strip + b"\0" * (len(strip) % 2) + struct.pack(f"{order}H", len(entries)) + table + b"\0" * 4  # fmt: skip
