"""The whole measurement on a network that is known to see content, degradation, or nothing."""

from dataclasses import replace

import joblib
import numpy as np
import pytest
import torch
from sklearn.metrics import calinski_harabasz_score
from torch import nn

from ddrlib.data.photographs import Patches
from ddrlib.degrade.degradation import degrade
from ddrlib.degrade.samples import Samples
from ddrlib.errors import DDRError
from ddrlib.features.extraction import extract
from ddrlib.features.grams import gram
from ddrlib.measure.embedded import EmbeddedLayer, chi_text, embedded_each, too_few_for_chi
from ddrlib.measure.layer import Layer
from ddrlib.measure.measurement import last_hidden, measure
from ddrlib.measure.metrics import variance_components
from ddrlib.measure.srga import srga
from ddrlib.zoo.network import Network

torch.set_num_threads(1)
N = 12
DEGRADATIONS = ("clean", "blur4", "noise20")


class Sharpness(nn.Module):
    """How much neighbouring pixels differ: a map of one value for each image."""

    def forward(self, x):
        edges = (x[..., 1:] - x[..., :-1]).abs().mean(dim=(1, 2, 3), keepdim=True)
        return edges.log().expand(-1, 1, 4, 4)


class Toy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.content = nn.AvgPool2d(4)
        self.degradation = Sharpness()
        self.nothing = nn.Conv2d(3, 2, 1)
        nn.init.zeros_(self.nothing.weight)

    def forward(self, x):
        self.content(x)
        self.degradation(x)
        return self.nothing(x)


@pytest.fixture
def network():
    layers = {name: name for name in ("content", "degradation", "nothing")}
    card = {"sha256": "0" * 64}
    return Network("toy", Toy().eval(), 4, layers, lambda x: x, "sr", card)


@pytest.fixture(scope="module")
def patches():
    """Smooth colour fields with a little texture, the same amount in each."""
    rng = torch.Generator().manual_seed(0)
    fields = torch.rand(N, 3, 3, 3, generator=rng)
    texture = torch.rand(N, 1, 64, 64, generator=rng) - 0.5
    images = nn.functional.interpolate(fields, (64, 64), mode="bilinear") * 0.6 + 0.2
    nothing = np.full(N, "")
    return Patches((images + 0.4 * texture).clamp(0, 1), np.arange(N), nothing, nothing)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A cache of its own, and threads: worker processes would take longer to start than to work."""
    monkeypatch.setenv("DDR_CACHE", str(tmp_path))
    with joblib.parallel_config(backend="threading"):
        yield tmp_path


SEES = ("content", "degradation")


@pytest.mark.parametrize(
    "of_degradation, of_content, by_degradation, by_content",
    [
        (3, 1, (True, True), (False, False)),
        (0, 9, (False, False), (True, True)),
        (3, 6, (False, True), (True, False)),  # near ones share the degradation all the same
    ],
)
def test_what_a_layer_sorts_by(patches, of_degradation, of_content, by_degradation, by_content):
    rng = np.random.default_rng(0)
    ones = np.eye(3)[np.repeat(range(3), N)], np.eye(N)[np.tile(range(N), 3)]
    features = np.hstack([of_degradation * ones[0], of_content * ones[1]])
    samples = Samples.of(patches, DEGRADATIONS)
    layer = Layer.of("toy", features + 0.1 * rng.standard_normal(features.shape), samples)
    assert layer.sorts_by_degradation == by_degradation
    assert layer.sorts_by_content == by_content


def test_layers_are_found_to_see_what_they_see(network, patches):
    lines = []
    found = measure(network, patches, layers=SEES, seeds=2, progress=lines.append)
    content, degradation = found["content"], found["degradation"]
    assert content.variance.content.value > 0.8
    assert degradation.variance.degradation.value > 0.8
    assert degradation.chi_degradation.mean > 10 > degradation.chi_content.mean
    assert content.chi_content.mean > content.chi_degradation.mean
    assert degradation.knn_degradation.value > 0.9 > content.knn_degradation.value
    assert degradation.p == 0.001
    # On a slow machine it is said, too, how many seconds are left.
    assert [line[: line.index(" of 2")] for line in lines] == ["content (1", "degradation (2"]


def test_a_layer_of_other_samples_or_of_nothing_is_refused(patches):
    samples = Samples.of(patches, DEGRADATIONS)
    rows = np.random.default_rng(0).normal(size=(len(samples.images), 5))
    assert Layer.of("right", rows, samples).only(["clean", "blur4"], 3).n == 3
    for wrong in (rows[:-1], np.vstack([rows, rows])):
        with pytest.raises(DDRError, match=f"features of {len(wrong)} samples, not of the 36"):
            Layer.of("wrong", wrong, samples)
    with pytest.raises(DDRError, match="dead gives the same for all samples"):
        Layer.of("dead", 0 * rows + 2, samples)


def test_figures_are_those_of_the_definitions(network, patches):
    found = measure(network, patches, DEGRADATIONS, layers=["content"], seeds=3)
    assert (found.n, found.degradations, found.perplexity) == (N, DEGRADATIONS, 35 / 3)
    assert [found.degradations[g] for g in found.samples.degradation[[0, N, 2 * N]]] == list(
        DEGRADATIONS
    )
    assert found.samples.content.tolist() == 3 * list(range(N))
    inputs = torch.cat([degrade(patches.images, d) for d in DEGRADATIONS])
    features = nn.functional.avg_pool2d(inputs, 4).flatten(1)
    layer = found["content"]
    assert layer.dim == features.shape[1] == 48
    assert np.allclose(layer.gram, gram(features.numpy()), atol=1e-2)  # features are float16
    split = variance_components(gram(features.numpy()), N)
    for factor in ("degradation", "content", "rest"):
        share = getattr(layer.variance, factor)
        assert share.value == pytest.approx(getattr(split, factor), abs=1e-3)
        assert share.low <= share.value <= share.high
        assert share.n == N
    assert layer.embeddings.shape == (3, 3 * N, 2)
    for chi, labels in (
        (layer.chi_degradation, layer.degradation),
        (layer.chi_content, layer.content),
    ):
        values = [calinski_harabasz_score(points, labels) for points in layer.embeddings]
        assert chi.values == pytest.approx(values, rel=1e-4)
        assert chi.mean == pytest.approx(np.mean(values), rel=1e-4)
        assert chi.sd == pytest.approx(np.std(values, ddof=1), rel=1e-3)
        assert chi.interval.low <= chi.mean <= chi.interval.high
        spread = [((y - y.mean(axis=0)) ** 2).sum() for y in layer.embeddings]
        assert chi.wd + chi.bd == pytest.approx(np.mean(spread), rel=1e-4)


def test_the_record_has_the_documented_shape(network, patches):
    found = measure(network, patches, layers=SEES, seeds=1)
    record = found.record()
    assert (record["network"], record["n"], record["degradations"]) == (
        "toy",
        N,
        list(DEGRADATIONS),
    )
    assert [layer["layer"] for layer in record["layers"]] == ["content", "degradation"]
    for entry, layer in zip(record["layers"], found.layers, strict=True):
        assert entry["chi_degradation"]["mean"] == layer.chi_degradation.mean
        assert np.isnan(entry["chi_content"]["sd"])  # one seed has no spread
        assert sum(entry["variance"].values()) == pytest.approx(1)
        assert entry["knn_degradation"] == layer.knn_degradation.value
        low, high = entry["intervals"]["component_degradation"]
        assert low <= entry["variance"]["degradation"] <= high


def test_srga_is_that_of_the_features_but_for_the_signs_of_components(network, patches):
    found = measure(network, patches, DEGRADATIONS, layers=["content"], seeds=1)
    of_clean, *others = (
        extract(network, degrade(patches.images, name), ["content"])["content"]
        for name in DEGRADATIONS
    )
    indices = found.srga("content")
    assert list(indices) == list(DEGRADATIONS[1:])
    for index, features in zip(indices.values(), others, strict=True):
        assert index.value == pytest.approx(srga(of_clean, features, N - 1).srga, abs=0.05)
        assert index.low <= index.value <= index.high and index.n == N
    record = found.record("content")["srga"]
    assert (record["layer"], record["reference"]) == ("content", "clean")
    assert record["degradations"]["blur4"]["value"] == indices["blur4"].value
    with pytest.raises(DDRError, match="was not measured"):
        found.srga("degradation")


def test_the_last_layer_before_the_output(network):
    assert last_hidden(network) == "nothing"
    assert last_hidden(replace(network, layers={"content": "content", "Output": ""})) == "content"
    assert last_hidden(replace(network, layers={"Output": ""})) == "Output"


def test_a_layer_under_some_degradations_is_what_is_measured_of_these_alone(network, patches):
    whole = measure(network, patches, DEGRADATIONS, layers=["content"], seeds=1)["content"]
    pair = measure(network, patches, ["noise20", "clean"], layers=["content"], seeds=1)["content"]
    (part,) = embedded_each([whole.only(["noise20", "clean"])], 1, 23 / 3)
    assert part.degradations == ("noise20", "clean")
    assert np.allclose(part.gram, pair.gram)
    assert part.variance.content == pytest.approx(pair.variance.content)
    assert part.embeddings.shape == pair.embeddings.shape == (1, 2 * N, 2)


def test_a_layer_with_fewer_contents_is_what_is_measured_of_these_alone(network, patches):
    whole = measure(network, patches, DEGRADATIONS, layers=["content"], seeds=1)["content"]
    kept = {
        name: getattr(patches, name)[:5] for name in ("images", "content", "category", "source")
    }
    first = replace(patches, **kept)
    few = measure(network, first, DEGRADATIONS[:2], layers=["content"], seeds=1)["content"]
    part = whole.only(DEGRADATIONS[:2], n=5)
    assert part.n == 5 and part.content.tolist() == few.content.tolist()
    assert np.allclose(part.gram, few.gram)


def test_what_was_not_measured_is_named(network, patches):
    layer = measure(network, patches, DEGRADATIONS, layers=["content"], seeds=1)["content"]
    samples = Samples.of(patches, DEGRADATIONS)
    for ask in (
        lambda: layer.only(["clean", "noise21"]),
        lambda: layer.srga("noise21"),
        lambda: samples.under("noise21"),
    ):
        with pytest.raises(DDRError, match="noise21 was not measured; did you mean noise20"):
            ask()
    for n in (0, -1, N + 1):
        with pytest.raises(DDRError, match=f"{n} contents"):
            layer.only(["clean", "noise20"], n=n)


def test_an_order_of_layers_or_a_backend_changes_nothing(network, patches):
    one = measure(network, patches, layers=["degradation", "content"], seeds=2)
    with joblib.parallel_config(backend="sequential"):
        two = measure(network, patches, layers=SEES, seeds=2)
    assert one.record() == two.record()


# --- the cache ---


def test_a_second_measurement_reads_the_first_and_adds_seeds(network, patches, place, monkeypatch):
    first = measure(network, patches, layers=["content"], seeds=2)
    monkeypatch.setattr("ddrlib.features.grams.extract_rows", pytest.fail)
    more = measure(network, patches, layers=["content"], seeds=3)
    assert np.array_equal(more["content"].embeddings[:2], first["content"].embeddings)
    monkeypatch.setattr("ddrlib.measure.tsne.tsne", pytest.fail)
    again = measure(network, patches, layers=["content"], seeds=2)
    assert again.record() == first.record()
    assert len(list((place / "arrays").iterdir())) == 1 + 3  # a Gram matrix, three projections


@pytest.mark.parametrize("package", ["numba", "numpy"])
def test_another_version_of_what_computes_maps_computes_them_again(
    network, patches, monkeypatch, package
):
    measure(network, patches, layers=["content"], seeds=1)
    monkeypatch.setattr(f"{package}.__version__", "0.0")
    monkeypatch.setattr(
        "ddrlib.measure.tsne.tsne", lambda scores, *_: np.full((len(scores), 2), 7.0)
    )
    again = measure(network, patches, layers=["content"], seeds=1)
    assert (again["content"].embeddings == 7).all()


def test_another_perplexity_is_another_projection(network, patches):
    one = measure(network, patches, layers=["content"], seeds=1, perplexity=5)
    two = measure(network, patches, layers=["content"], seeds=1, perplexity=10)
    assert not np.allclose(one["content"].embeddings, two["content"].embeddings)
    assert np.array_equal(one["content"].gram, two["content"].gram)


# --- what cannot be measured ---


@pytest.mark.parametrize("degradations", [["clean"], ["clean", "blur4", "blur4.0"]])
def test_degradations_have_to_differ(network, patches, degradations):
    with pytest.raises(DDRError, match="2 different degradations"):
        measure(network, patches, degradations)


def test_an_unmeasured_layer_is_named(network, patches):
    found = measure(network, patches, layers=["content"], seeds=1)
    with pytest.raises(DDRError, match="'degradation' of toy was not measured; there are: content"):
        found["degradation"]
    with pytest.raises(DDRError, match="did you mean content[?]"):
        measure(network, patches, layers=["contents"])


@pytest.mark.parametrize("seeds", [0, -1, 1001, 10**11])
def test_seeds_are_bounded_before_anything_is_measured(network, patches, monkeypatch, seeds):
    monkeypatch.setattr("ddrlib.measure.measurement.Samples.of", pytest.fail)
    with pytest.raises(DDRError, match=f"^{seeds} t-SNE seeds: measuring needs 1 to 1,000"):
        measure(network, patches, seeds=seeds)


def test_versions_of_a_photograph_that_lie_together_on_a_map_are_counted():
    clean = np.array([[0.0, 0], [10, 0], [20, 0], [30, 0]])
    noisy = clean + [[0, 1], [0, 1], [0, 1], [7, 0]]  # the last is no nearer to its own than 7
    blurred = np.array([[0.0, 9], [10, 0.5], [20, 9], [30, 3]])
    marks = np.concatenate([clean, blurred, noisy])[None]
    layer = EmbeddedLayer("l", 2, np.eye(12), 4, ("clean", "blur4", "noise20"), marks)
    assert layer.beside_own("clean", "noise20") == 2  # the first and the third
    assert layer.beside_own("clean", "blur4") == 2  # the others
    with pytest.raises(DDRError):
        layer.beside_own("clean", "blur2")


def test_chi_is_no_evidence_on_few_contents():
    assert too_few_for_chi(60) == too_few_for_chi(100) == ""
    assert "59" in too_few_for_chi(59)


def test_chi_is_printed_as_precisely_as_maps_determine_it():
    assert [chi_text(value) for value in (0.0, 0.99, 1, 9.94, 10, 1234.5)] == [
        "below 1",
        "below 1",
        "1.0",
        "9.9",
        "10",
        "1,234",
    ]
