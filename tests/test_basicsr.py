"""The authors' checkpoints: MSRResNet under the names of BasicSR, measured without a factory."""

import pytest
import torch

from ddrlib.errors import DDRError
from ddrlib.networks.srresnet import SRResNet
from ddrlib.zoo.basicsr import msrresnet
from ddrlib.zoo.own import recognise

RENAMED = {"up1": "upconv1", "up2": "upconv2", "conv_hr": "HRconv"}


def authors(module, trunks=4):
    """A state dict as the authors' file has it: the trunk in four parts, the old names."""
    per_trunk = len(module.body) // trunks
    state = {}
    for key, value in module.state_dict().items():
        part, _, rest = key.partition(".")
        if part == "body":
            block, _, rest = rest.partition(".")
            trunk, place = divmod(int(block), per_trunk)
            state[f"recon_trunk{trunk + 1}.{place}.{rest}"] = value
        else:
            state[f"{RENAMED.get(part, part)}.{rest}"] = value
    return state


def basicsr(module):
    """The same as today's BasicSR has it: one body, only the upsampling under another name."""
    names = {"up1": "upconv1", "up2": "upconv2"}
    return {
        ".".join([names.get(key.split(".")[0], key.split(".")[0]), *key.split(".")[1:]]): value
        for key, value in module.state_dict().items()
    }


def with_biases():
    torch.manual_seed(3)
    module = SRResNet(channels=6, blocks=12).eval()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return module


@pytest.mark.parametrize("names", [authors, basicsr])
def test_the_same_image_comes_out_under_other_names(names):
    module, x = with_biases(), torch.rand(2, 3, 9, 7)
    found = msrresnet(names(module))
    assert torch.equal(found(x), module(x))


def test_blocks_keep_their_order_beyond_ten():
    module = with_biases()
    state = {key.replace("body.", "recon_trunk."): v for key, v in basicsr(module).items()}
    found = msrresnet(dict(sorted(state.items())))  # "10" sorts before "2"
    assert torch.equal(found.body[10].conv1.weight, module.body[10].conv1.weight)


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"params": state}])
def test_a_checkpoint_file_needs_neither_factory_nor_spandrel(tmp_path, wrap):
    module, x = with_biases(), torch.rand(1, 3, 8, 8)
    torch.save(wrap(authors(module)), tmp_path / "800000_G.pth")
    assert torch.equal(recognise(tmp_path / "800000_G.pth").module(x), module(x))


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("HRconv.bias"),
        lambda state: state.update({"mask.weight": torch.zeros(1)}),
        lambda state: state.update({"upconv1.weight": torch.zeros(6, 6, 3, 3)}),
    ],
)
def test_what_only_looks_like_it_is_not_taken(change):
    state = authors(with_biases())
    change(state)
    assert msrresnet(state) is None


def test_a_block_that_is_missing_in_the_middle_is_not_passed_over(tmp_path):
    state = authors(with_biases())
    without = {key: v for key, v in state.items() if not key.startswith("recon_trunk2.1.conv1")}
    assert msrresnet(without) is None
    torch.save(without, tmp_path / "cut.pth")
    with pytest.raises(DDRError):
        recognise(tmp_path / "cut.pth")
