"""Readers of four public sets of distorted images: LIVE, CSIQ, TID2013, KADID-10k.

A reader takes the folder of the unpacked set and returns a table with one row a distorted image:
`path`, `reference` (the name of the undistorted image), `type`, `level` (1 is the weakest). Types
that `ddrlib.degrade` has too carry its names, the others those of the set. What belongs to a set is
known from its own files and naming, and every image has to be there: an incomplete copy, or another
version (TID2008, LIVE release 1), is a DDRError.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import scipy.io

from ddrlib.errors import DDRError

# Folder -> type, number of images (LIVE's readme), and whether a larger parameter is stronger: the
# bit rate, the standard deviation of noise or blur, the signal-to-noise ratio of the channel.
LIVE = {
    "jp2k": ("jp2k", 227, False),
    "jpeg": ("jpeg", 233, False),
    "wn": ("noise", 174, True),
    "gblur": ("blur", 174, True),
    "fastfading": ("fading", 174, False),
}

# Folder -> type, and how the file names spell it. Of contrast there are three to five levels.
CSIQ = {
    "awgn": ("noise", "AWGN"),
    "blur": ("blur", "BLUR"),
    "fnoise": ("pink noise", "fnoise"),
    "jpeg": ("jpeg", "JPEG"),
    "jpeg2000": ("jp2k", "jpeg2000"),
}

TID2013 = (
    "noise",
    "colour noise",
    "correlated noise",
    "masked noise",
    "high-frequency noise",
    "impulse",
    "quantisation noise",
    "blur",
    "denoising",
    "jpeg",
    "jp2k",
    "jpeg transmission",
    "fading",
    "pattern noise",
    "blocks",
    "mean shift",
    "contrast",
    "saturation",
    "multiplicative noise",
    "comfort noise",
    "lossy noisy",
    "quantize",
    "chromatic aberration",
    "sparse sampling",
)

KADID = (
    "blur",
    "lens",
    "motion",
    "colour diffusion",
    "colour shift",
    "quantize",
    "saturation",
    "saturation in Lab",
    "jp2k",
    "jpeg",
    "noise",
    "colour noise",
    "impulse",
    "multiplicative noise",
    "denoising",
    "brighten",
    "darken",
    "mean shift",
    "jitter",
    "patches",
    "pixelate",
    "grey quantisation",
    "colour blocks",
    "sharpen",
    "contrast",
)


class Entry(NamedTuple):
    """An image that has to be there: its path in the folder, its reference's, and its labels."""

    file: str
    reference: str
    type: str
    level: int


def read_live(folder: str | Path) -> pd.DataFrame:
    """LIVE release 2: 29 references, 779 distorted images of five types, `gblur/img17.bmp`.

    Each type has an `info.txt` with lines `reference image parameter`; `dmos.mat` tells which
    images are copies of the reference, which are left out. The level is the rank of the parameter among
    the images of that reference and type, some five.
    """
    folder = Path(folder)
    copies = _live_copies(folder / "dmos.mat")
    table = pd.DataFrame(
        [
            (f"{name}/{image}", f"refimgs/{reference}", kind, parameter if rising else -parameter)
            for name, (kind, count, rising) in LIVE.items()
            for reference, image, parameter in _live_info(folder / name / "info.txt", count)
            if not next(copies)
        ],
        columns=["file", "reference", "type", "strength"],
    )
    levels = table.groupby(["reference", "type"]).strength.rank("first").astype(int)
    entries = map(Entry, table.file, table.reference, table.type, levels)
    return _table("LIVE release 2", folder, list(entries))


def _live_copies(path: Path) -> Iterator[bool]:
    """Of each image, in the order of `LIVE` and of its number: is it a copy of its reference?"""
    total = sum(count for _, count, _ in LIVE.values())
    try:
        with path.open("rb") as file:
            flags = scipy.io.loadmat(file)["orgs"].ravel()
    except FileNotFoundError:
        raise DDRError(f"{path.parent} is not LIVE release 2: it has no {path.name}") from None
    except Exception as error:  # a damaged file can make the reader raise anything
        reason = " ".join(str(error).split())
        raise DDRError(f"{path} cannot be read ({reason}); unpack LIVE release 2 again") from error
    if len(flags) != total:
        raise DDRError(f"{path} lists {len(flags)} images, LIVE release 2 has {total}; take it")
    return iter(flags.astype(bool).tolist())


def _live_info(path: Path, count: int) -> list[tuple[str, str, float]]:
    """Reference, image and parameter of img1.bmp to img{count}.bmp, in this order."""
    rows = {}
    try:
        for line in filter(str.strip, path.read_text(encoding="ascii").splitlines()):
            reference, image, parameter = line.split()
            rows[image.lower()] = reference, image, float(parameter)
        return [rows[f"img{i + 1}.bmp"] for i in range(count)]
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise DDRError(
            f"{path} does not list img1.bmp to img{count}.bmp as `reference image parameter` "
            f"({reason}); unpack LIVE release 2 again"
        ) from None


def read_csiq(folder: str | Path) -> pd.DataFrame:
    """CSIQ: 30 references, 866 distorted images of six types, `dst_imgs/blur/1600.BLUR.3.png`."""
    folder = Path(folder)
    references = sorted(path.stem for path in folder.glob("src_imgs/*.png"))
    contrasts = sorted(folder.glob("dst_imgs/contrast/*.contrast.?.png"))
    if (len(references), len(contrasts)) != (30, 116):
        raise DDRError(
            f"{folder} is not CSIQ: it has {len(references)} references in src_imgs/ and "
            f"{len(contrasts)} images in dst_imgs/contrast/, not 30 and 116; unpack it again"
        )
    return _table(
        "CSIQ",
        folder,
        [
            Entry(
                f"dst_imgs/{name}/{image}.{spelt}.{level}.png", f"src_imgs/{image}.png", kind, level
            )
            for image in references
            for name, (kind, spelt) in CSIQ.items()
            for level in range(1, 6)
        ]
        + [
            Entry(f"dst_imgs/contrast/{path.name}", f"src_imgs/{image}.png", "contrast", int(level))
            for path in contrasts
            for image, _, level in [path.stem.rsplit(".", 2)]
        ],
    )


def read_tid2013(folder: str | Path) -> pd.DataFrame:
    """TID2013: 25 references, 3,000 images of 24 types, `distorted_images/i01_24_5.bmp`."""
    return _table(
        "TID2013",
        Path(folder),
        [
            Entry(
                f"distorted_images/i{image:02}_{number:02}_{level}.bmp",
                f"reference_images/i{image:02}.bmp",
                kind,
                level,
            )
            for image in range(1, 26)
            for number, kind in enumerate(TID2013, 1)
            for level in range(1, 6)
        ],
    )


def read_kadid10k(folder: str | Path) -> pd.DataFrame:
    """KADID-10k: 81 references, 10,125 distorted images of 25 types, `images/I01_25_05.png`."""
    return _table(
        "KADID-10k",
        Path(folder),
        [
            Entry(
                f"images/I{image:02}_{number:02}_{level:02}.png",
                f"images/I{image:02}.png",
                kind,
                level,
            )
            for image in range(1, 82)
            for number, kind in enumerate(KADID, 1)
            for level in range(1, 6)
        ],
    )


def _table(name: str, folder: Path, entries: list[Entry]) -> pd.DataFrame:
    """The entries as a table, after a look that each file is there, whatever its letters' case."""
    there = {
        path.relative_to(folder).as_posix().lower(): path
        for path in folder.rglob("*")
        if path.is_file()
    }
    wanted = dict.fromkeys(file for entry in entries for file in (entry.reference, entry.file))
    missing = [file for file in wanted if file.lower() not in there]
    if len(missing) == len(wanted):
        raise DDRError(f"{folder} is not {name}: it has no {missing[0]}; name the unpacked folder")
    if missing:
        raise DDRError(
            f"{folder} lacks {len(missing):,} of the {len(wanted):,} images of {name}, the first "
            f"{missing[0]}; unpack it again, or is it another version?"
        )
    return pd.DataFrame(
        [
            (there[entry.file.lower()], Path(entry.reference).stem, entry.type, entry.level)
            for entry in entries
        ],
        columns=["path", "reference", "type", "level"],
    )


READERS = {
    "live": read_live,
    "csiq": read_csiq,
    "tid2013": read_tid2013,
    "kadid10k": read_kadid10k,
}
