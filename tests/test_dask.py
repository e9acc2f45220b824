"""Many networks on a Dask cluster, one of whose workers is lost in the middle."""

import json
import multiprocessing
import os
import signal
import sys
from pathlib import Path

import pytest

from ddrlib.book.examine import Question
from ddrlib.errors import DDRError
from ddrlib.machine import spread

NETWORKS = ["srresnet-wgr-reduced-s0", "srresnet-wogr-reduced-s0"]


def question() -> Question:
    return Question(
        images="eval",
        patches=8,
        size=64,
        skip_bad=False,
        degradations=("clean", "noise20"),
        layers=("RB8",),
        seeds=1,
        srga_layer="RB8",
        device="cpu",
    )


def test_without_a_cluster_one_after_another():
    assert list(spread(str.upper, ["a", "b"])) == [(0, "A"), (1, "B")]


def test_without_dask_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(DDRError, match=r"-e '\.\[dask\]'"):
        next(spread(str.upper, ["a"], "tcp://127.0.0.1:1"))


def test_a_worker_is_lost_and_the_figures_are_the_same(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed", reason="dask is not installed: '.[dask]'")
    import dask

    ask, mark = question(), tmp_path / "one was lost"

    def measured(name: str) -> dict:
        os.environ["DDR_CACHE"] = str(mark.with_name(f"cache {os.getpid()}"))
        answer = ask(name)
        if not mark.exists():  # its work is done, but nobody has it yet
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return {"pid": os.getpid(), **answer.record()}

    # Workers begin with the library imported, which takes longer than all that they do.
    multiprocessing.set_forkserver_preload(["ddrlib.book.examine"])
    monkeypatch.setattr(distributed.utils, "_forkserver_preload_set", True)
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as two,
    ):
        found = dict(spread(measured, NETWORKS, two.scheduler_address))
    assert mark.exists()
    monkeypatch.setenv("DDR_CACHE", str(tmp_path / "cache here"))
    assert found.keys() == {0, 1}
    for i, answer in spread(ask, NETWORKS):
        assert found[i].pop("pid") != os.getpid()
        assert json.dumps(found[i]) == json.dumps(answer.record())  # no number is NaN's equal
    caches = len(list(Path(tmp_path).glob("cache *")))
    assert caches in (3, 4)  # the lost one's, those of one or two that took over, and this one's


def test_no_scheduler_is_said_in_one_line():
    pytest.importorskip("distributed", reason="dask is not installed: '.[dask]'")
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(DDRError, match="no Dask scheduler at tcp://127.0.0.1:9"),
    ):
        next(spread(str.upper, ["a"], "tcp://127.0.0.1:9"))
