"""Plain names of networks: what a reader sees in place of a file's name."""

import pytest

from ddrlib.zoo.cards import NETWORKS
from ddrlib.zoo.names import PUBLISHED, plain_name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dat-light-x4", "DAT-light"),
        ("dat-light-x4@random0", "DAT-light, random weights"),
        ("srresnet-wgr-reduced-s0", "SRResNet with skip"),
        ("gan-wogr-reduced-s2", "SRGAN without skip, seed 2"),
        ("srresnet-wogr-blurnoise-reduced-s0", "SRResNet without skip, trained on blur and noise"),
        (
            "srresnet-wgr-paper-20k-s1@random3",
            "SRResNet with skip, 64 channels, seed 1, random weights",
        ),
        ("my-network.onnx", "my-network.onnx"),
        ("srresnet-wgr-reduced-s0.onnx", "srresnet-wgr-reduced-s0.onnx"),
    ],
)
def test_a_name_in_words(name, words):
    assert plain_name(name) == words


def test_every_published_network_has_a_card_and_no_two_networks_one_name():
    names = [path.stem for path in NETWORKS.glob("*.json")]
    assert PUBLISHED.keys() <= set(names)
    assert len({plain_name(name) for name in names}) == len(names)
