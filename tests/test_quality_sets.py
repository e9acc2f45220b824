import numpy as np
import pytest
import scipy.io

from ddrlib.data.quality_sets import CSIQ, KADID, LIVE, READERS, TID2013
from ddrlib.degrade.steps import KINDS
from ddrlib.errors import DDRError


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def make_tid2013(folder, kinds=24, levels=5):
    touch(folder, "readme", *(f"reference_images/I{i:02}.BMP" for i in range(1, 26)))
    touch(
        folder,
        *(
            # One of the set's own inconsistencies: capital letters here and there.
            f"distorted_images/{'I' if i == 3 else 'i'}{i:02}_{t:02}_{v}.bmp"
            for i in range(1, 26)
            for t in range(1, kinds + 1)
            for v in range(1, levels + 1)
        ),
    )


def make_kadid10k(folder):
    touch(folder, "dmos.csv", *(f"images/I{i:02}.png" for i in range(1, 82)))
    touch(
        folder,
        *(
            f"images/I{i:02}_{t:02}_{v:02}.png"
            for i in range(1, 82)
            for t in range(1, 26)
            for v in range(1, 6)
        ),
    )


def make_csiq(folder):
    images = ["1600", "sunset_sparrow", *(f"image{i}" for i in range(28))]
    touch(folder, *(f"src_imgs/{image}.png" for image in images))
    touch(
        folder,
        *(
            f"dst_imgs/{name}/{image}.{spelt}.{level}.png"
            for name, (_, spelt) in CSIQ.items()
            for image in images
            for level in range(1, 6)
        ),
    )
    # 26 images have four levels of contrast change, four have three: 116.
    touch(
        folder,
        *(
            f"dst_imgs/contrast/{image}.contrast.{level}.png"
            for i, image in enumerate(images)
            for level in range(1, 5 if i < 26 else 4)
        ),
    )


def make_live(folder):
    """29 references; of each type the first 29 images are copies, the rest runs through strengths."""
    touch(folder, *(f"refimgs/image{i}.bmp" for i in range(29)))
    copies = []
    for name, (_, count, rising) in LIVE.items():
        lines = []
        for i in range(count):
            copies.append(i < 29)
            step = i // 29  # 0 for the copies, then 1, 2, …
            parameter = 0 if i < 29 else step if rising else 10 - step
            lines.append(f"image{i % 29}.bmp img{i + 1}.bmp {parameter:.3f}\n")
        touch(folder, *(f"{name}/img{i + 1}.bmp" for i in range(count)))
        (folder / name / "info.txt").write_text("".join(lines) + "\n")
    # The real file is a row of doubles.
    scipy.io.savemat(
        folder / "dmos.mat", {"orgs": np.array([copies], float), "dmos": np.zeros(982)}
    )


MAKERS = {
    "live": make_live,
    "csiq": make_csiq,
    "tid2013": make_tid2013,
    "kadid10k": make_kadid10k,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}
    for name, maker in MAKERS.items():
        made[name] = tmp_path_factory.mktemp(name)
        maker(made[name])
    return made


@pytest.mark.parametrize(
    ("name", "rows", "references", "types"),
    [
        ("live", 982 - 5 * 29, 29, 5),
        ("csiq", 866, 30, 6),
        ("tid2013", 3000, 25, 24),
        ("kadid10k", 10125, 81, 25),
    ],
)
def test_every_image_has_its_labels(folders, name, rows, references, types):
    table = READERS[name](folders[name])
    assert list(table) == ["path", "reference", "type", "level"]
    assert len(table) == rows == table.path.nunique()
    assert (table.reference.nunique(), table.type.nunique()) == (references, types)
    assert all(path.is_file() for path in table.path)
    assert table.level.min() == 1


def row(table, folder, file):
    (found,) = table[table.path == folder / file].itertuples()
    return found.reference, found.type, found.level


def test_labels_follow_the_naming(folders):
    tables = {name: READERS[name](folder) for name, folder in folders.items()}

    def labels(name, file):
        return row(tables[name], folders[name], file)

    assert labels("tid2013", "distorted_images/i01_08_5.bmp") == ("i01", "blur", 5)
    assert labels("tid2013", "distorted_images/I03_24_1.bmp") == ("i03", "sparse sampling", 1)
    assert labels("kadid10k", "images/I81_03_02.png") == ("I81", "motion", 2)
    assert labels("csiq", "dst_imgs/jpeg2000/1600.jpeg2000.4.png") == ("1600", "jp2k", 4)
    assert labels("csiq", "dst_imgs/contrast/sunset_sparrow.contrast.3.png") == (
        "sunset_sparrow",
        "contrast",
        3,
    )
    # img30 of wn has parameter 1, the weakest of its reference; of jp2k 9 bits, the weakest too.
    assert labels("live", "wn/img30.bmp") == ("image0", "noise", 1)
    assert labels("live", "wn/img174.bmp") == ("image28", "noise", 5)
    assert labels("live", "jp2k/img30.bmp") == ("image0", "jp2k", 1)
    assert labels("live", "jp2k/img227.bmp") == ("image23", "jp2k", 7)
    assert not (tables["live"].path == folders["live"] / "wn/img1.bmp").any()  # a copy


def test_types_that_the_library_makes_have_its_names():
    assert set(KINDS) <= {*TID2013, *KADID}
    assert (len(TID2013), len(KADID)) == (24, 25)
    assert len(set(TID2013)) == 24 and len(set(KADID)) == 25


@pytest.mark.parametrize("name", READERS)
def test_a_wrong_folder_is_one_line(tmp_path, name):
    touch(tmp_path, "holiday/IMG_0001.jpg")
    for folder in (tmp_path, tmp_path / "not there"):
        with pytest.raises(
            DDRError, match=" is not (LIVE release 2|CSIQ|TID2013|KADID-10k)"
        ) as error:
            READERS[name](folder)
        assert "\n" not in str(error.value)


def test_missing_images_are_named(folders, tmp_path):
    make_tid2013(tmp_path)
    (tmp_path / "distorted_images/i02_24_5.bmp").unlink()
    (tmp_path / "reference_images/I07.BMP").unlink()
    with pytest.raises(
        DDRError, match="lacks 2 of the 3,025 images of TID2013, the first .*i02_24_5"
    ):
        READERS["tid2013"](tmp_path)


def test_another_version_is_refused(tmp_path):
    make_tid2013(tmp_path, kinds=17, levels=4)  # TID2008
    with pytest.raises(DDRError, match="lacks 1,300 of the 3,025 .* or is it another version"):
        READERS["tid2013"](tmp_path)


def test_csiq_without_a_contrast_image(tmp_path):
    make_csiq(tmp_path)
    (tmp_path / "dst_imgs/contrast/1600.contrast.2.png").unlink()
    with pytest.raises(DDRError, match="30 references .* 115 images in dst_imgs/contrast/"):
        READERS["csiq"](tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "line"),
    [
        ("dmos.mat", b"no matrix", "dmos.mat cannot be read"),
        ("wn/info.txt", b"image0.bmp img1.bmp\n", "info.txt does not list img1.bmp to img174.bmp"),
        ("wn/info.txt", b"image0.bmp img1.bmp 0.5\n", "info.txt does not list .*img2.bmp"),
        ("wn/info.txt", b"\xff\xfe", "info.txt does not list"),
    ],
)
def test_live_with_a_damaged_file(tmp_path, file, content, line):
    make_live(tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(DDRError, match=line) as error:
        READERS["live"](tmp_path)
    assert "\n" not in str(error.value)


def test_live_of_another_release_or_incomplete(tmp_path):
    make_live(tmp_path)
    (tmp_path / "gblur/img174.bmp").unlink()
    with pytest.raises(DDRError, match="lacks 1 of the 866 .*gblur/img174.bmp"):
        READERS["live"](tmp_path)
    scipy.io.savemat(tmp_path / "dmos.mat", {"orgs": np.zeros((1, 460))})
    with pytest.raises(DDRError, match="lists 460 images, LIVE release 2 has 982"):
        READERS["live"](tmp_path)
    (tmp_path / "dmos.mat").unlink()
    with pytest.raises(DDRError, match="is not LIVE release 2: it has no dmos.mat"):
        READERS["live"](tmp_path)
