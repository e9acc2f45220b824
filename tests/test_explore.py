"""`ddr explore`: who is let in, what the page shows, how it ends. `tests/browser` draws the page."""

from __future__ import annotations

import io
import os
import re
import socket
import tempfile
import time
from dataclasses import replace
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from serving import serving

from ddrlib.cli import cli
from ddrlib.data.photographs import load_patches
from ddrlib.errors import DDRError
from ddrlib.measure.measurement import measure
from ddrlib.networks.srresnet import SRResNet
from ddrlib.widgets import explore
from ddrlib.widgets.explorer_data import Packed, pack
from ddrlib.widgets.serve import NOTEBOOK, PREFIX, free_port, temporary_folder
from ddrlib.zoo.loading import load_network
from ddrlib.zoo.network import Network
from ddrlib.zoo.together import patch_size


def ddr(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="ddr")


def test_a_server_for_this_machine_and_the_holder_of_the_token(tmp_path):
    with serving(tmp_path, idle=5) as server:
        port = urlsplit(server.address).port
        for other in (("127.0.0.2", port), ("::1", port)):
            with pytest.raises(OSError):  # it listens on one address alone
                socket.create_connection(other, timeout=5)
        bare, _, token = server.address.partition("?")
        assert bare == f"http://127.0.0.1:{port}/"
        for refused in (bare, f"{bare}?token={token[len('token=') : -1]}", f"{bare}?token=known"):
            with urlopen(refused, timeout=60) as page:
                assert urlsplit(page.url).path == "/login"
        with pytest.raises(HTTPError, match="403"):
            urlopen(f"{bare}voila/api/shutdown/0", data=b"", timeout=60)
        with pytest.raises(HTTPError, match="403"):  # as if a name of another site led here
            urlopen(Request(server.address, headers={"Host": f"other.example:{port}"}), timeout=60)
        attack = "&theme=%22%3E%3Cscript%3Einjected()%3C/script%3E&template=reveal"
        with urlopen(server.address + attack, timeout=120) as page:  # to the end: the cell has run
            text = page.read().decode()
            assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        assert "injected" not in text and 'data-jp-theme-light="true"' in text
        assert "The explorer" in text and "application/vnd.jupyter.widget-view+json" in text
        assert re.findall(r"""(?:src|href)=["']?(https?:[^"'>]*)""", text) == []
        assert len(server.kernels()) == 1, "of a page that nobody is connected to any more"
        for _ in range(60):
            time.sleep(1)
            if not server.kernels():
                break
        assert server.kernels() == []
        assert server.interrupt() == 0
        assert list(server.temporary.iterdir()) == []
        assert "Traceback" not in server.process.stderr.read()


def test_what_a_killed_server_leaves_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed, foreign = tmp_path / f"{PREFIX}killed", tmp_path / "other"
    for folder in (killed, foreign):
        folder.mkdir()
        (folder / NOTEBOOK).write_text("{}")
    (tmp_path / f"{PREFIX}link").symlink_to(foreign)
    with temporary_folder() as mine:
        assert not killed.exists() and foreign.exists()
        (mine / NOTEBOOK).write_text("{}")
        with temporary_folder() as other:
            assert mine.exists() and other != mine, "one that is in use stays"
    assert not mine.exists() and not other.exists()


@pytest.mark.parametrize("port", [-1, 0, 65536, 70000, 99999999])
def test_ports_out_of_range_are_refused(port):
    with pytest.raises(DDRError, match="from 1 to 65535"):
        free_port(port)
    result = ddr("explore", "--port", port)
    assert result.exit_code == 2 and "1<=x<=65535" in result.stderr


def test_a_port_that_is_taken_gives_way():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) not in (0, port)
    assert free_port(port) == port


@pytest.mark.parametrize(
    "scales, size",
    [([4], 128), ([1], 32), ([2], 64), ([3], 96), ([8], 256), ([2, 4], 128), ([3, 4], 120)]
    + [([3, 8], 240), ([2, 3, 4], 120), ([1, 4], 128), ([7, 8], 224), ([31, 37], 1147)],
)
def test_patches_suit_every_scale(scales, size):
    networks = [replace(load_network("psnr-small-x2"), scale=scale) for scale in scales]
    assert patch_size(networks) == size


def test_networks_of_other_scales_are_measured(tmp_path, monkeypatch):
    """From the command to what the page is given, but for the server."""
    served = []

    def serve(introduction, code, folder, port, browser):
        served.append(explore.view(folder))

    monkeypatch.setattr("ddrlib.widgets.serve.serve", serve)
    monkeypatch.setenv("DDR_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "by_scale.py").write_text(NETWORKS)
    names = ["by_scale:x1", "by_scale:x2", "by_scale:x3", "by_scale:x8"]
    result = ddr("explore", *names, "--patches", 4, "--device", "cpu")
    assert result.exit_code == 0, result.output
    (view,) = served
    assert [network["name"] for network in view.index["networks"]] == names
    sides = [Image.open(io.BytesIO(sheet)).size[0] // 4 for sheet in view.sheets]
    assert view.index["settings"]["size"] == 240 and view.index["columns"] == 4
    assert sides == [32, 32, 32, 30], "240, 120 and 80 pixels are reduced"


NETWORKS = """
from torch import nn

def enlarging(scale):
    last = nn.Conv2d(4, 3 * scale**2, 3, padding=1)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), last, nn.PixelShuffle(scale))

def x1(): return enlarging(1)
def x2(): return enlarging(2)
def x3(): return enlarging(3)
def x8(): return enlarging(8)
"""


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A folder with what the page shows of a network that is called one thing and found as another."""
    torch.manual_seed(0)
    module = SRResNet(channels=4, blocks=1).eval().requires_grad_(False)
    layers = {"Conv1": module.layers()["Conv1"], "RB1": module.layers()["RB1"]}
    network = Network("toy", module, 4, layers, lambda x: x, "sr", {"sha256": "0" * 64})
    monkeypatch.setenv("DDR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(explore, "open_network", {"mine.yml": network}.__getitem__)
    packed = pack([measure(network, load_patches("eval", 5), ("clean", "blur4"), seeds=1)])
    folder = tmp_path / "kept"
    folder.mkdir()
    explore.keep(packed, {"toy": "mine.yml"}, folder)
    return packed, folder


def test_the_page_shows_what_was_measured(kept, monkeypatch, tmp_path):
    packed, folder = kept
    start = os.getcwd()
    monkeypatch.chdir(tmp_path)
    shown = explore.view(folder)
    assert os.getcwd() == start, "paths that the reader types start where the command did"
    assert Packed(shown.index, shown.coordinates, shown.sheets) == packed


def test_the_page_measures_its_networks_again(kept, monkeypatch):
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


def test_the_command_hands_over_its_options(monkeypatch):
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
    assert first == (explore.NETWORKS, "eval") and options["browser"] and options["port"] == 8866
    assert second == (("a", "b.onnx"), "d") and (options["patches"], others["patches"]) == (100, 5)
    assert (others["port"], others["browser"], others["device"]) == (9, False, "cpu")


def test_what_cannot_be_opened_is_one_line():
    result = ddr("explore", "srresnet-wgr-reduced-s00")
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    result = ddr("explore", "--images", "/nowhere")
    assert result.exit_code == 2 and "/nowhere" in result.stderr
