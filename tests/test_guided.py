"""The guided network: starts as the unguided one, uses its embedding, and only that."""

import pytest
import torch
from torch.nn import functional as F

from ddrlib.networks import GuidedSRResNet, SRResNet, StyleBlock

SIZE = {"channels": 8, "blocks": 2}


@pytest.fixture
def lr():
    return torch.rand(2, 3, 12, 10, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("modulation", GuidedSRResNet.modulations)
@pytest.mark.parametrize("guide", GuidedSRResNet.guides)
def test_starts_as_the_unguided_network(guide, modulation, lr):
    torch.manual_seed(1)
    plain, guided = SRResNet(**SIZE), GuidedSRResNet(**SIZE, guide=guide, modulation=modulation)
    guided.load_state_dict(plain.state_dict(), strict=False)
    with torch.no_grad():
        assert torch.allclose(guided(lr, torch.rand(2, 2)), plain(lr), atol=1e-5)


def test_style_block_convolves_each_image_with_weights_of_its_own(lr):
    torch.manual_seed(2)
    block = StyleBlock(channels=3, embedding=4)
    torch.nn.init.normal_(block.modulation.weight)
    style = 1 + block.modulation(torch.randn(2, 4))[:, :3]
    found = block._conv(lr, block.conv1, style)
    weight = block.conv1.weight
    for k in range(2):
        own = weight * style[k][None, :, None, None]
        norm = weight.square().sum((1, 2, 3)).sqrt() / own.square().sum((1, 2, 3)).sqrt()
        own = own * norm[:, None, None, None]
        expected = F.conv2d(lr[k:k + 1], own, block.conv1.bias, padding=1)
        assert torch.allclose(found[k:k + 1], expected, atol=1e-5)


def test_the_embedding_is_used_and_can_be_replaced(lr):
    torch.manual_seed(3)
    guided = GuidedSRResNet(**SIZE, guide="random", embedding=6)
    for block in guided.body:
        torch.nn.init.normal_(block.modulation.weight)
    own = guided.embed(lr)
    assert own.shape == (2, 6)
    assert torch.equal(guided(lr), guided(lr, embedding=own))
    assert not torch.equal(guided(lr), guided(lr, embedding=own + 1))


def test_the_guiding_trunk_is_taken_over_and_stays_frozen(lr):
    torch.manual_seed(4)
    trained, guided = SRResNet(**SIZE), GuidedSRResNet(**SIZE, guide="ddr")
    guided.guide_from(trained)
    deepest = trained.body(F.leaky_relu(trained.conv_first(lr), 0.1))
    assert torch.equal(guided.trunk(lr), deepest)
    guided(lr).sum().backward()
    assert all(weight.grad is None for weight in guided.trunk.parameters())
    assert any(weight.grad is not None for weight in guided.body.parameters())


def test_learned_guide_trains_its_trunk(lr):
    guided = GuidedSRResNet(**SIZE, guide="learned")
    for block in guided.body:
        torch.nn.init.normal_(block.modulation.weight)
    guided(lr).sum().backward()
    assert all(weight.grad is not None for weight in guided.trunk.parameters())


def test_unknown_guide_or_modulation_names_what_there_is():
    with pytest.raises(ValueError, match="ddr, random, learned, oracle"):
        GuidedSRResNet(guide="ouija")
