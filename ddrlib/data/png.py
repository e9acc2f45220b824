"""PNG files without the chunks that are no part of the picture, and in which Pillow may stumble."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from typing import Any

from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PICTURE = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
SRGB_GAMMA = 45455  # in the units of the chunks
SRGB_PRIMARIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
MAX_PROFILE_BYTES = 2**24


def open_png(data: bytes) -> tuple[Image.Image, list[str]]:
    """Open the content of a PNG file; what it says that is not applied comes with it."""
    picture, notes, at = [SIGNATURE], {}, len(SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind in PICTURE:
            picture.append(data[at : at + 12 + length])
        else:
            notes[kind] = data[at + 8 : at + 8 + length]
        at += 12 + length
    image = Image.open(io.BytesIO(b"".join(picture)), formats=["PNG"])
    image.info.update({"exif": notes[b"eXIf"]} if b"eXIf" in notes else {})
    if b"iCCP" in notes:
        _, _, compressed = notes[b"iCCP"].partition(b"\0")
        image.info["icc_profile"] = _inflate(compressed[1:])
    if "transparency" in image.info:
        image.info["transparency"] = _scaled_key(image.info["transparency"], data[24], image.mode)
    return image, _not_applied(notes)


def _inflate(data: bytes) -> bytes:
    """Unpacked data; none where they are damaged or too many."""
    unpacker = zlib.decompressobj()
    with contextlib.suppress(zlib.error):
        unpacked = unpacker.decompress(data, MAX_PROFILE_BYTES)
        return unpacked if unpacker.eof else b""
    return b""


def _scaled_key(key: Any, bits: int, mode: str) -> Any:
    """The transparent colour of a PNG scaled as Pillow scales the pixels."""
    if mode == "RGB" and bits == 16:
        return tuple(value >> 8 for value in key)
    if mode == "L" and bits < 8:
        return key * 255 // (2**bits - 1)
    return key


def _not_applied(notes: dict[bytes, bytes]) -> list[str]:
    """What the chunks of a PNG file say of its colours, apart from a profile and from sRGB."""
    changes = ["first frame only"] if b"acTL" in notes else []
    if b"cICP" in notes:
        standard = notes[b"cICP"][:2] == bytes((1, 13))  # primaries of BT.709, transfer of sRGB
        return changes + ([] if standard else ["cICP colour space not applied"])
    if b"iCCP" in notes or b"sRGB" in notes:
        return changes
    if len(gamma := notes.get(b"gAMA", b"")) == 4:
        (value,) = struct.unpack(">I", gamma)
        if abs(value - SRGB_GAMMA) > 500:
            changes.append(f"gamma {value / 100_000:g} not applied")
    if len(primaries := notes.get(b"cHRM", b"")) == 32:
        values = struct.unpack(">8I", primaries)
        if max(abs(a - b) for a, b in zip(values, SRGB_PRIMARIES, strict=True)) > 200:
            changes.append("primaries not applied")
    return changes
