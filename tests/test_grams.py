"""Gram matrices by hand; the cache against damage, mix-ups, kills, threads and full disks."""

import gc
import os
import resource
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from test_features import expected, images, toy  # noqa: F401

from ddrlib.errors import DDRError
from ddrlib.features import cache as cache_module
from ddrlib.features import grams
from ddrlib.features.cache import files_hash, key_of, load_arrays, save_arrays
from ddrlib.features.grams import gram, layer_grams, subgram
from ddrlib.files import ROOT


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DDR_CACHE", str(tmp_path))
    for once in (cache_module._sweep, cache_module._warn_once):
        once.cache_clear()
    return tmp_path / "arrays"


def random_features(n, dim):
    return np.random.default_rng(0).standard_normal((n, dim))


def test_gram_is_the_inner_products_about_the_mean():
    x = np.array([[1.0, 2.0], [3.0, 0.0], [2.0, 1.0]])
    assert gram(x).tolist() == [[2, -2, 0], [-2, 2, 0], [0, 0, 0]]
    assert gram(x.astype(np.float16)).tolist() == [[2, -2, 0], [-2, 2, 0], [0, 0, 0]]


@given(
    x=hnp.arrays(
        np.int16,
        st.tuples(st.integers(1, 12), st.integers(1, 40)),
        elements=st.integers(-1000, 1000),
    ),
    block_values=st.integers(1, 100),
)
def test_gram_does_not_depend_on_the_blocks(x, block_values):
    centred = x.astype(np.float64) - x.astype(np.float64).mean(axis=0)
    before, grams.BLOCK_VALUES = grams.BLOCK_VALUES, block_values
    try:
        result = gram(x)
    finally:
        grams.BLOCK_VALUES = before
    assert np.allclose(result, centred @ centred.T, rtol=1e-12, atol=1e-6)
    assert np.allclose(result.sum(axis=0), 0, atol=1e-4)


def test_what_float16_kept_loses_nothing_to_float32():
    """Fifty components whose variances fall by four decades, about a mean ten times as large."""
    random = np.random.default_rng(0)
    directions = np.linalg.qr(random.normal(size=(5000, 50)))[0].T
    x = random.normal(size=(300, 50)) * np.geomspace(1, 0.01, 50) @ directions * 70 + 10
    kept = x.astype(np.float16)
    exact, found = (np.linalg.eigvalsh(gram(y))[::-1][:50] for y in (kept.astype(float), kept))
    rounded = np.linalg.eigvalsh(gram(x))[::-1][:50]
    assert np.abs(found / exact - 1).max() < 1e-4
    assert np.abs(found / exact - 1).max() < 0.1 * np.abs(exact / rounded - 1).max()


def test_gram_does_not_depend_on_the_number_of_cores(monkeypatch):
    x = random_features(20, 3000)
    monkeypatch.setattr(grams, "BLOCK_VALUES", 20 * 64)
    found = []
    for workers in (1, 3):
        monkeypatch.setattr(grams, "MAX_WORKERS", workers)
        monkeypatch.setattr(grams.joblib, "cpu_count", lambda: 4)
        found.append(gram(x))
    assert np.array_equal(*found)


def test_subgram_is_the_gram_of_the_subset():
    x = random_features(12, 30)
    index = np.array([3, 1, 7, 11])
    assert np.allclose(subgram(gram(x), index), gram(x[index]))


# --- of a network, kept in the cache ---


def test_grams_are_those_of_the_features(images):  # noqa: F811
    network = toy()
    found = layer_grams(network, images, ["second", "first"])
    assert list(found) == ["first", "second"]  # by depth
    for layer, values in expected(network, images).items():
        assert found[layer].dim == values.shape[1]
        assert np.allclose(found[layer].gram, gram(values), rtol=1e-2, atol=1e-2)  # float16


def test_a_second_call_reads_and_computes_only_what_is_missing(images, cache, monkeypatch):  # noqa: F811
    network = toy()
    first = layer_grams(network, images, ["second"])["second"]
    asked = []
    extract_rows = grams.extract_rows
    monkeypatch.setattr(
        grams, "extract_rows", lambda *args: asked.append(args[2]) or extract_rows(*args)
    )
    again = layer_grams(network, images, ["first", "second"])
    assert asked == [["first"]]
    assert np.array_equal(again["second"].gram, first.gram) and again["second"].dim == first.dim
    assert len(list(cache.iterdir())) == 2
    monkeypatch.setattr(grams, "extract_rows", pytest.fail)
    layer_grams(network, images, ["first", "second"])


def test_keys_tell_apart_all_that_features_depend_on(images):  # noqa: F811
    networks = [toy(), toy(gain=2.0), toy(prepare=lambda x: 1 - x)]
    other = images.clone()
    other[3, 1, 2, 2] += 1e-6
    inputs = [images, other, images[:6], images.reshape(7, 3, 4, 9)]

    def keys(network, x):
        return grams._keys(network, x, None, torch.device("cpu"))

    every = [key for network in networks for x in inputs for key in keys(network, x).values()]
    assert len(set(every)) == len(every) == 3 * 4 * 5
    assert keys(toy(), images) == keys(toy(), images.clone())


def test_a_layer_without_variance_has_nothing_to_measure(images, cache):  # noqa: F811
    network = toy()
    network.module.conv2.weight.data.zero_()
    found = layer_grams(network, images, ["first", "second"])
    assert not found["second"].gram.any() and found["first"].gram.any()


DAMAGES = {
    "empty": lambda data: b"",
    "cut": lambda data: data[:-100],
    "half": lambda data: data[: len(data) // 2],
    "flipped": lambda data: data[:700] + bytes([data[700] ^ 1]) + data[701:],
    "text": lambda data: b"not an archive",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damage_is_noticed_said_and_mended(cache, caplog, damage):
    values = np.arange(100.0)
    save_arrays("a", values=values)
    file = cache / "a.npz"
    file.write_bytes(damage(file.read_bytes()))
    assert load_arrays("a") is None
    assert f"{file} is damaged" in caplog.text
    save_arrays("a", values=values)
    assert np.array_equal(load_arrays("a")["values"], values)


def test_what_is_no_file_is_not_waited_for(cache, caplog):
    cache.mkdir()
    os.mkfifo(cache / "a.npz")
    assert load_arrays("a") is None and "is no file" in caplog.text
    save_arrays("a", values=np.zeros(3))
    assert load_arrays("a")["values"].shape == (3,)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.array([[1.0, np.nan], [0, 1]]), "not finite"),
        (np.float16([[np.inf, 2], [0, 1]]), "not finite"),  # as what lies beyond its range becomes
        (np.array([[1e200, 2], [0, 1]]), "not finite"),  # its square is
        (np.eye(3) * 1j, "complex128 of shape"),
        (np.eye(3).astype(str), "<U32 of shape"),
        (np.zeros(3), r"of shape \(3,\)"),
        (np.zeros((3, 2, 2)), r"of shape \(3, 2, 2\)"),
    ],
)
def test_what_are_no_features(features, message):
    with pytest.raises(DDRError, match=message):
        gram(features)


def test_a_file_under_another_key_is_not_taken(cache):
    save_arrays("a", values=np.zeros(3))
    (cache / "a.npz").rename(cache / "b.npz")
    assert load_arrays("b") is None


def test_a_bomb_is_not_unpacked(cache, monkeypatch):
    monkeypatch.setattr(cache_module, "LARGEST_ENTRY", 1000)
    cache.mkdir()
    with zipfile.ZipFile(cache / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("values.npy", b"\0" * 100_000)
    assert load_arrays("a") is None


def test_a_pickle_is_not_loaded(cache):
    cache.mkdir()
    np.savez(cache / "a.npz", key=np.array("a"), values=np.array([print], dtype=object))
    assert load_arrays("a") is None


def test_a_directory_in_the_place_of_a_file_is_passed_over(cache, caplog):
    (cache / "a.npz").mkdir(parents=True)
    assert load_arrays("a") is None
    save_arrays("a", values=np.zeros(3))
    assert "cannot be kept" in caplog.text


def test_what_a_kill_left_behind_is_removed_and_the_rest_stays(cache):
    cache.mkdir()
    for name, age in {".a.npz.x.tmp": 3600, ".b.npz.y.tmp": 1, "notes.txt": 3600}.items():
        (cache / name).write_text("")
        os.utime(cache / name, (time.time() - age,) * 2)
    save_arrays("c", values=np.zeros(3))
    assert sorted(path.name for path in cache.iterdir()) == [".b.npz.y.tmp", "c.npz", "notes.txt"]


def test_threads_that_compute_the_same_do_not_meet(images):  # noqa: F811
    alone = layer_grams(toy(), images, ["first"])["first"].gram
    networks = [toy() for _ in range(4)] * 2  # two threads with one network too
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda each: layer_grams(each, images, ["first"])["first"].gram, networks)
        assert all(np.array_equal(matrix, alone) for matrix in found)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: save_arrays("a", values=np.full(1000, float(i % 2))), range(200)))
    assert len(np.unique(load_arrays("a")["values"])) == 1


def test_a_full_disk_is_one_line_and_leaves_nothing(images, cache):  # noqa: F811
    network = toy()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # a layer needs 2,016 bytes
    try:
        with pytest.raises(DDRError, match=r"layer first: no room for its features .* DDR_CACHE$"):
            layer_grams(network, images, ["first"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not cache.exists() and list(cache.parent.iterdir()) == []


def test_a_cache_that_cannot_be_written_costs_only_time(images, caplog, monkeypatch, tmp_path):  # noqa: F811
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DDR_CACHE", str(tmp_path / "file"))
    found = layer_grams(toy(), images, ["first", "second"])
    assert found["first"].gram.shape == (7, 7)
    assert caplog.text.count("cannot be kept") == 1


def test_comments_and_layout_are_not_part_of_the_source(tmp_path):
    texts = ["x = 1\n", "# a comment\nx  =  1\n", "x = 2\n"]
    for i, text in enumerate(texts):
        (tmp_path / f"{i}.py").write_text(text)
    one, same, other = (files_hash(tmp_path / f"{i}.py") for i in range(3))
    assert one == same != other


def test_features_on_their_way_leave_nothing_when_the_process_is_killed(tmp_path):
    code = """
import os, numpy as np
from ddrlib.features.rows import FileRows
rows = FileRows("x", 2)
rows.add(np.zeros((1, 1000), np.float16), 0)
os.kill(os.getpid(), 9)
"""
    environment = os.environ | {"DDR_CACHE": str(tmp_path / "c")}
    done = subprocess.run([sys.executable, "-c", code], check=False, env=environment, timeout=60)
    assert done.returncode == -9
    assert list((tmp_path / "c").iterdir()) == []


def test_sources_are_hashed_by_many_threads_at_once():
    """Python 3.11 fails (SystemError) where threads change while one is parsing.

    They do where the garbage collector runs Python code, as it does here all the time.
    """

    class Garbage:
        alive = True

        def __init__(self):
            self.cycle = self

        def __del__(self):
            time.sleep(0.0002)
            if Garbage.alive:
                Garbage()

    thresholds = gc.get_threshold()
    gc.set_threshold(50)
    try:
        garbage = [Garbage() for _ in range(50)]
        garbage.clear()
        with ThreadPoolExecutor(4) as pool:
            paths = [ROOT / "ddrlib" / "errors.py"] * 8
            assert len(set(pool.map(files_hash.__wrapped__, paths))) == 1
    finally:
        Garbage.alive = False
        gc.set_threshold(*thresholds)


def test_keys_tell_apart_what_reads_the_same_when_strung_together():
    one, same = np.arange(6.0), np.arange(6.0)
    assert key_of("t", 1, 15.0, one) == key_of("t", 1, 15.0, same)
    others = [(11, 5.0, one), (1, 15.0, one.reshape(2, 3)), (1, 15.0, one.astype(np.float32))]
    others += [(1, 15.0, one[::-1]), (one, 1, 15.0), ("1", "15.0", one)]
    assert len({key_of("t", *parts) for parts in [(1, 15.0, one), *others]}) == 1 + len(others)
