import base64
import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot

from ddrlib import machine
from ddrlib.book import provenance, results, tables
from ddrlib.book.records import describe, image_hash, in_words
from ddrlib.book.results import Run, write_stamp
from ddrlib.errors import DDRError
from ddrlib.files import ROOT
from ddrlib.measure.embedded import Chi
from ddrlib.measure.intervals import Interval, over_seeds


@pytest.fixture
def shown(monkeypatch):
    """The outputs that a notebook would display."""
    outputs = []
    monkeypatch.setattr("IPython.display.publish_display_data", outputs.append)
    return outputs


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    """As if `ddr run` ran chapter 02."""
    run = Run("02_layers", "smoke", {"contents": 12}, tmp_path, tmp_path / "executed")
    monkeypatch.setenv("DDR_RUN", run.environment()["DDR_RUN"])
    assert Run.current() == run
    return tmp_path / "figures"


@pytest.fixture
def interactive(tmp_path, monkeypatch):
    monkeypatch.delenv("DDR_RUN", raising=False)
    run = Run(output=tmp_path)
    monkeypatch.setattr(Run, "current", lambda: run)
    return tmp_path / "figures"


def a_line():
    figure, ax = pyplot.subplots(figsize=(4, 3))
    ax.plot([0, 1], [0, 1])
    return figure


def test_a_figure_is_kept_and_shown_with_what_made_it(chapter, shown):
    class Network:
        name, sha256 = "rdn-div2k-x4", "ab" * 32

    figure = a_line()
    provenance.show_figure(
        figure,
        "line",
        'a line from "0" to <1>',
        "It rises & rises.",
        networks=[Network()],
        contents=12,
        perplexity=30.0,
        degradations=("clean", "blur4"),
        images=torch.zeros(12, 3, 8, 8),
    )
    record = json.loads((chapter / "line.json").read_text())
    assert record["chapter"] == "02_layers" and record["parameters"] == {"contents": 12}
    assert record["made_by"]["networks"] == [{"name": "rdn-div2k-x4", "sha256": "ab" * 32}]
    assert record["made_by"]["images"] == {"n": 12, "sha256": image_hash(torch.zeros(12, 3, 8, 8))}
    assert torch.__version__.startswith(record["environment"]["versions"]["torch"])
    assert {"device", "date", "seconds_into_run"} <= record.keys()
    [output] = shown
    assert output["text/plain"] == record["caption"] == "It rises & rises."
    shown = BeautifulSoup(output["text/html"], "html.parser").figure
    assert shown["id"] == "figure-line"
    wide, narrow = "figures/02_layers/line.svg", "figures/02_layers/line.narrow.svg"
    assert shown.a["href"] == wide
    assert [image["src"] for image in shown("img")] == [wide, f"{wide}#dark"]
    assert [source["srcset"] for source in shown("source")] == [narrow, f"{narrow}#dark"]
    assert {image["alt"] for image in shown("img")} == {'a line from "0" to <1>'}
    assert shown.find(class_="ddr-caption").text == "It rises & rises."
    digest = record["made_by"]["images"]["sha256"][:8]
    assert shown.details.summary.extract().text == "How it was made"
    assert shown.details.decode_contents() == (
        "Made with networks: rdn-div2k-x4; contents: 12; perplexity: 30; "
        f"degradations: clean, blur4; images: 12 (SHA-256 {digest}…) · "
        '<a href="figures/02_layers/line.json">the whole record</a>'
    )
    assert not pyplot.fignum_exists(figure.number)  # or Jupyter would show it again


def test_an_open_notebook_carries_the_picture_itself(interactive, shown):
    for _ in range(2):  # a cell may be run again
        provenance.show_figure(a_line(), "line", "a line")
    source = re.search(r'src="data:image/svg\+xml;base64,([^"]*)"', shown[-1]["text/html"])[1]
    assert base64.b64decode(source) == (interactive / "line.svg").read_bytes()
    assert "<a href" not in shown[-1]["text/html"]


def test_names_are_neither_markup_nor_formulas(chapter, shown):
    name = "<!--<script>$x$.png"
    table = pd.DataFrame({name: [name]}, index=pd.Index([name], name="layer"))
    provenance.show_table(table, "names", name, images=name, layers=[name])
    provenance.show_figure(a_line(), "line", name, photograph=name)
    for output in shown:
        assert "<script" not in output["text/html"] and "<!--" not in output["text/html"]
        assert "&lt;!--&lt;script&gt;$x$.png" in output["text/html"]
        assert re.match('<figure class="ddr-figure"', output["text/html"])


def test_a_full_disk_is_named_with_the_file(chapter, shown, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(DDRError, match=r"figures/line\.svg cannot be written: No space left"):
        provenance.show_figure(a_line(), "line", "a line")


def test_two_figures_of_one_name_are_refused(chapter, shown):
    provenance.show_figure(a_line(), "line", "a line")
    with pytest.raises(ValueError, match="02_layers makes line.svg twice"):
        provenance.show_figure(a_line(), "line", "another")


def cells_of(html):
    """The texts of a table's cells, row by row."""
    return [re.sub("<[^>]*>", "", cell) for cell in re.findall("<td[^>]*>(.*?)</td>", html)]


def test_texts_that_are_numbers_are_aligned_as_numbers(chapter, shown):
    table = pd.DataFrame(
        {"n": ["26 (6)", "-1,234.5"], "share": ["64%", "7%"], "mixed": ["3", "x4"]}
    )
    provenance.show_table(table, "written", "as texts")
    (output,) = shown
    assert output["text/html"].count('<td class="ddr-numbers">') == 4


def test_a_table_says_what_heads_what(chapter, shown):
    table = pd.DataFrame({"layer": ["RB1", "RB2"], "CHI": [0.12345, 67.891], "n": [3, 4000]})
    provenance.show_table(table, "plain", "CHI & n")
    provenance.show_table(table.set_index("layer"), "headed", "CHI by layer")
    plain, headed = (output["text/html"] for output in shown)
    assert "<caption>CHI &amp; n</caption>" in plain and 'scope="row"' not in plain
    assert re.findall('<th scope="col"[^>]*>(.*?)</th>', headed) == ["layer", "CHI", "n"]
    assert re.findall('<th scope="row">(.*?)</th>', headed) == ["RB1", "RB2"]
    assert cells_of(headed) == ["0.12", "3", "67.89", "4,000"]
    assert headed.count('<td class="ddr-numbers">') == 4
    assert plain.count("<td>") == 2  # texts, which are not aligned by their digits
    assert '<a href="figures/02_layers/plain.csv">' in plain
    pd.testing.assert_frame_equal(pd.read_csv(chapter / "headed.csv"), table)


def test_a_table_in_an_answer_has_neither_caption_nor_number():
    found = [Interval(0.1234, 0.05, 0.2, 12), "–"]
    table = pd.DataFrame({"style": found}, index=pd.Index(["<DDR>", "truth"], name="gain, dB"))
    html = tables.in_text(table)
    assert "caption" not in html and html.startswith('<table class="table">')
    assert re.findall("<th [^>]*>(.*?)</th>", html) == [
        "gain, dB",
        "style",
        "&lt;DDR&gt;",
        "truth",
    ]
    assert cells_of(html) == ["0.123 [0.050, 0.200]", "–"]
    assert "\n\n" not in html, "an empty line would end the HTML within Markdown"


def test_a_table_says_what_its_columns_are_numbers_of(chapter, shown):
    table = pd.DataFrame({"of": ["a"], 1: [0.5]})
    provenance.show_table(table.rename_axis(columns="shots"), "named", "by shots")
    provenance.show_table(table, "unnamed", "by nothing")
    named, unnamed = (output["text/html"] for output in shown)
    assert '<table data-columns="shots" class="dataframe">' in named
    assert "data-columns" not in unnamed


def test_a_column_has_one_number_of_decimals_and_its_csv_all_digits(chapter, shown):
    chi = Chi((1.0, 2.0), wd=1.0, bd=2.0, interval=Interval(1.5, 0.5, 250.0, 12))
    table = pd.DataFrame(
        {
            "n": [12, 3],
            "component": [Interval(1 / 3, 0.2, 0.4, 12), None],
            "CHI": [chi, "of one group"],
            "seeds": [over_seeds([3.0, 1.5, 8.0]), over_seeds([7.0])],
            "p": [0.001, float("nan")],
            "finished": [pd.Timestamp(0), None],
        },
        index=pd.Index(["RB1", "RB2"], name="layer"),
    )
    provenance.show_table(table, "intervals", "CHI by layer")
    first, second = np.array(cells_of(shown[0]["text/html"])).reshape(2, -1).tolist()
    assert first[:5] == ["12", "0.333 [0.200, 0.400]", "2 [0, 250]", "4.17 [1.50, 8.00]", "0.001"]
    assert second == ["3", "", "of one group", "7.00", "", "NaT"]
    found = (chapter / "intervals.csv").read_text().splitlines()
    head = (
        "layer,n,component,component_low,component_high,CHI,CHI_low,CHI_high,CHI_sd,seeds,seeds_low,"
        "seeds_high,p,finished"
    )
    assert found == [
        head,
        f"RB1,12,{1 / 3},0.2,0.4,1.5,0.5,250.0,{chi.sd},{12.5 / 3},1.5,8.0,0.001,1970-01-01 00:00:00",
        "RB2,3,,,,of one group,,,,7.0,7.0,7.0,,NaT",
    ]


@pytest.mark.parametrize("name", ["n" * 5000, "a\0b", "../..", "", "package.module:make"])
def test_odd_names_of_networks_are_recorded_as_they_are(name):
    assert provenance._with_weights([name]) == [name]


def test_networks_by_name_get_the_checksum_of_their_card(tmp_path, monkeypatch):
    (tmp_path / "networks").mkdir()
    (tmp_path / "networks/rdn.json").write_text('{"sha256": "12"}')
    monkeypatch.setattr(provenance, "DATA", tmp_path)
    assert provenance._with_weights(["rdn", "other"]) == [{"name": "rdn", "sha256": "12"}, "other"]


def test_results_reach_the_chapters_that_sum_up(chapter, shown, monkeypatch):
    monkeypatch.setattr(results, "_claims", {})
    results.keep_claim("chi", statement="CHI is 3", verdict="supported")
    results.close_chapter()
    closing = shown[-1][results.CLOSING_MIME]
    assert closing["claims"] == {"chi": {"statement": "CHI is 3", "verdict": "supported"}}
    executed = Run.current().executed
    for name in ("02_layers", "01_photographs"):
        (executed / name).mkdir(parents=True)
        write_stamp(executed / name, {"chapter": name, **closing})
    (executed / "03_damaged").mkdir()
    (executed / "03_damaged/stamp.json").write_text(
        '{"chapter": "03_damaged", "claims": {"chi": 1}}'
    )
    found = {stamp["chapter"]: stamp["claims"] for stamp in results.stamps()}
    assert found == {"01_photographs": closing["claims"], "02_layers": closing["claims"]}


def test_image_hash_knows_values_shapes_and_types():
    images = torch.arange(6.0).reshape(1, 1, 2, 3)
    others = [images + 1, images.reshape(1, 1, 3, 2), images.double(), images.flip(-1)]
    assert len({image_hash(each) for each in [images, *others]}) == 5
    assert image_hash(images) == image_hash(images.numpy()) == image_hash(images.clone())
    assert describe({"image": images}) == {"image": {"n": 1, "sha256": image_hash(images)}}
    assert describe([torch.tensor(3), np.array(2.5), np.array(float("inf"))]) == [3, 2.5, None]
    assert len({image_hash(torch.tensor(3)), image_hash(torch.tensor([3]))}) == 2
    assert image_hash(images.mT) == image_hash(images.mT.contiguous())


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.builds(np.float64),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
)


@given(values)
def test_any_value_is_recorded_as_strict_json_and_in_one_line(value):
    record = describe(value)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert isinstance(in_words(record), str)


def test_values_of_other_kinds_are_recorded_as_their_text():
    record = describe({"path": Path("a/b"), 3: torch.float16})
    assert record == {"path": "a/b", "3": "torch.float16"}


def test_environment_names_the_installed_versions():
    environment = machine.environment()
    assert environment["versions"]["seaborn"] == importlib.metadata.version("seaborn")
    assert re.search(r", \d+ cores$", environment["processor"])


def test_peak_memory_sees_what_is_no_longer_held_and_nothing_of_the_parent():
    script = (
        "import numpy as np\nfrom ddrlib.machine import peak_memory\n"
        "print(peak_memory()['peak_memory_mb'])\n"
        "np.ones(25_000_000).sum()  # 200 MB\nprint(peak_memory()['peak_memory_mb'])"
    )
    held = np.ones(40_000_000)  # 320 MB that a child must not count
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    before, after = map(int, result.stdout.split())
    assert before < 200 < after - before + 20 and held.any()


def test_memory_is_unknown_where_the_system_does_not_say(tmp_path, monkeypatch):
    status = tmp_path / "status"
    status.write_text("Name: python\nVmRSS:\t 12 kB\n")
    monkeypatch.setattr(machine, "Path", lambda name: status if "status" in name else Path(name))
    monkeypatch.setattr(machine, "_torch_on_gpu", lambda: None)  # which another test may have used
    assert machine.peak_memory() == {"peak_memory_mb": None}
    status.write_text("VmHWM:\t  250000 kB\n")
    assert machine.peak_memory() == {"peak_memory_mb": 256}
