"""`ddr explore`: who is let in, what the page shows, how it ends. `tests/browser` draws the page."""

from __future__ import annotations

import os
import socket
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
import torch
from click.testing import CliRunner
from serving import serving

from ddrlib.cli import cli
from ddrlib.data.photographs import load_patches
from ddrlib.measure.measurement import measure
from ddrlib.networks.srresnet import SRResNet
from ddrlib.widgets import explore
from ddrlib.widgets.explorer_view import explorer
from ddrlib.zoo.loading import Network


def ddr(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="ddr")


def test_a_server_for_this_machine_and_the_holder_of_the_token(tmp_path):
    with serving(tmp_path) as server:
        port = urlsplit(server.address).port
        for other in (("127.0.0.2", port), ("::1", port)):
            with pytest.raises(OSError):  # it listens on one address alone
                socket.create_connection(other, timeout=5)
        bare, _, token = server.address.partition("?")
        for refused in (bare, f"{bare}?token={token[len('token=') : -1]}"):
            with urlopen(refused, timeout=60) as page:
                assert urlsplit(page.url).path == "/login"
        with pytest.raises(HTTPError, match="403"):
            urlopen(f"{bare}voila/api/shutdown/0", data=b"", timeout=60)
        with urlopen(server.address, timeout=120) as page:  # to the end: the cell has run
            text = page.read().decode()
            assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        assert "The explorer" in text and "application/vnd.jupyter.widget-view+json" in text
        assert server.interrupt() == 0
        assert list(server.temporary.iterdir()) == []
        assert "Traceback" not in server.process.stderr.read()


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A folder with what the page shows of a network that is called one thing and found as another."""
    torch.manual_seed(0)
    module = SRResNet(channels=4, blocks=1).eval().requires_grad_(False)
    layers = {"Conv1": module.layers()["Conv1"], "RB1": module.layers()["RB1"]}
    network = Network("toy", module, 4, layers, lambda x: x, "sr", {"sha256": "0" * 64})
    monkeypatch.setenv("DDR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(explore, "open_network", {"mine.yml": network}.__getitem__)
    patches = load_patches("eval", 5)
    view = explorer([measure(network, patches, ("clean", "blur4"), seeds=1)], patches, folder="x")
    folder = tmp_path / "kept"
    folder.mkdir()
    explore._keep(view.data, {"toy": "mine.yml"}, folder)
    return view, folder


def test_the_page_shows_what_was_measured(kept, monkeypatch, tmp_path):
    view, folder = kept
    start = os.getcwd()
    monkeypatch.chdir(tmp_path)
    shown = explore.view(folder)
    assert os.getcwd() == start, "paths that the reader types start where the command did"
    assert shown.panels == view.panels and shown.data.index == view.data.index
    assert shown.data.index["defaults"]["folder"] == "x"
    assert (shown.data.coordinates, shown.data.atlas) == (view.data.coordinates, view.data.atlas)


def test_the_page_measures_its_networks_anew(kept, monkeypatch):
    _, folder = kept
    sent = []
    monkeypatch.setattr(
        "ddrlib.widgets.live.LiveWidget.send",
        lambda self, content, buffers=None: sent.append(content),
    )
    request = {
        "networks": ["toy"],
        "degradations": "clean, noise10",
        "perplexity": "3",
        "seed": "0",
        "contents": "4",
        "folder": "",
    }
    explore.view(folder)._handle_custom_msg({"type": "compute", "request": request}, [])
    assert sent[-1]["type"] == "result" and sent[-1]["index"]["samples"] == 8


def test_the_command_hands_over_what_it_was_told(monkeypatch):
    calls = []
    monkeypatch.setattr(explore, "explore", lambda *args, **options: calls.append((args, options)))
    assert ddr("explore").exit_code == 0
    assert (
        ddr(
            "explore",
            "a",
            "b.onnx",
            "--images",
            "d",
            "--patches",
            5,
            "--port",
            9,
            "--no-browser",
            "--device",
            "cpu",
        ).exit_code
        == 0
    )
    (first, options), (second, others) = calls
    assert first == (explore.NETWORKS, "", 100) and options["browser"] and options["port"] == 8866
    assert second[0] == ("a", "b.onnx") and str(second[1]) == "d" and second[2] == 5
    assert (others["port"], others["browser"], others["device"]) == (9, False, "cpu")


def test_what_cannot_be_opened_is_one_line():
    result = ddr("explore", "srresnet-wgr-reduced-s00")
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    result = ddr("explore", "--images", "/nowhere")
    assert result.exit_code == 2 and "/nowhere" in result.stderr
