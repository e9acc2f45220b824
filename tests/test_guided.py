"""The guided network: starts as the unguided one, uses its embedding, and only that."""

import pytest
import torch
from torch.nn import functional as F

from ddrlib.errors import DDRError
from ddrlib.networks.guided import GuidedSRResNet, StyleBlock
from ddrlib.networks.srresnet import SRResNet

SIZE = {"channels": 8, "blocks": 2}


@pytest.fixture
def lr():
    return torch.rand(2, 3, 12, 10, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("modulation", GuidedSRResNet.modulations)
@pytest.mark.parametrize("guide", GuidedSRResNet.guides)
def test_starts_as_the_unguided_network(guide, modulation, lr):
    torch.manual_seed(1)
    plain = SRResNet(**SIZE)
    torch.manual_seed(1)
    guided = GuidedSRResNet(**SIZE, guide=guide, modulation=modulation)
    for key, value in plain.state_dict().items():  # one seed, one start
        assert torch.equal(value, guided.state_dict()[key])
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
        expected = F.conv2d(lr[k : k + 1], own, block.conv1.bias, padding=1)
        assert torch.allclose(found[k : k + 1], expected, atol=1e-5)


def test_the_embedding_is_used_and_can_be_replaced(lr):
    torch.manual_seed(3)
    guided = GuidedSRResNet(**SIZE, embedding=6)
    for block in guided.body:
        torch.nn.init.normal_(block.modulation.weight)
    own = guided.embed(lr)
    assert own.shape == (2, 6)
    assert torch.equal(guided(lr), guided(lr, embedding=own))
    assert not torch.equal(guided(lr), guided(lr, embedding=own + 1))


def test_the_guiding_trunk_is_taken_over_and_stays_frozen(lr):
    torch.manual_seed(4)
    trained, guided = SRResNet(**SIZE), GuidedSRResNet(**SIZE)
    guided.guide_from(trained)
    deepest = trained.body(F.leaky_relu(trained.conv_first(lr), 0.1))
    assert torch.equal(guided.trunk(lr), deepest)
    guided(lr).sum().backward()
    assert not [*guided.trunk.parameters()]
    assert not [key for key in guided.state_dict() if key.startswith("trunk")]
    assert any(weight.grad is not None for weight in guided.body.parameters())


def test_learned_guide_trains_its_trunk(lr):
    guided = GuidedSRResNet(**SIZE, guide="learned")
    for block in guided.body:
        torch.nn.init.normal_(block.modulation.weight)
    guided(lr).sum().backward()
    assert all(weight.grad is not None for weight in guided.trunk.parameters())


def test_unknown_guide_or_modulation_names_what_there_is():
    with pytest.raises(DDRError, match="frozen, learned, oracle"):
        GuidedSRResNet(guide="ouija")


@pytest.mark.parametrize(
    "size",
    [
        {"channels": 8, "blocks": 3},
        {"channels": 8, "blocks": 1},
        {"channels": 4, "blocks": 2},
    ],
)
def test_only_a_network_of_the_same_size_can_guide(size):
    with pytest.raises(DDRError, match="an SRResNet of 2 blocks and 8 channels"):
        GuidedSRResNet(**SIZE).guide_from(SRResNet(**size))


def test_the_encoder_sees_features_of_mean_0_and_sd_1(lr):
    guided = GuidedSRResNet(**SIZE)
    guided.calibrate(lr)
    seen = []
    guided.encoder[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    guided(lr), guided(lr[:1])
    assert torch.allclose(seen[0].mean((0, 2, 3)), torch.zeros(8), atol=1e-4)
    assert torch.allclose(seen[0].std((0, 2, 3)), torch.ones(8), atol=1e-4)
    assert torch.allclose(seen[1], seen[0][:1], atol=1e-5)  # fixed, not of the batch at hand


def test_a_learned_guide_is_heard_whatever_its_features_have_in_common(lr):
    """As its trunk learns, scale and offset of each channel outgrow what tells images apart."""
    torch.manual_seed(0)
    guided = GuidedSRResNet(**SIZE, guide="learned")
    before = guided.embed(lr)
    offset = torch.linspace(-20, 20, 8)[:, None, None]
    hook = guided.trunk.register_forward_hook(lambda *given: 300 * given[2] + offset)
    after = guided.embed(lr)
    hook.remove()
    assert before.std(0).mean() > 0.01  # images are told apart from the start
    assert torch.allclose(before, after, rtol=0.1, atol=0.02)


def test_images_of_any_size_have_embeddings_of_one_size():
    guided = GuidedSRResNet(**SIZE, embedding=6)
    assert {guided.embed(torch.rand(1, 3, *side)).shape for side in ((1, 1), (7, 40))} == {(1, 6)}


def test_the_oracle_hears_blur_and_noise_in_their_own_units():
    guided = GuidedSRResNet(**SIZE, guide="oracle", embedding=6)
    assert torch.allclose(
        guided.embed(torch.empty(1), torch.tensor([[4.0, 10.0]])),
        guided.encoder(torch.tensor([[1.0, 0.5]])),
    )


@pytest.mark.parametrize(
    "given, complaint",
    [
        ({"x": torch.rand(2, 1, 8, 8)}, r"shape \(2, 1, 8, 8\).* repeat a grey image's channel"),
        ({"x": torch.rand(3, 8, 8)}, r"takes RGB images \(N, 3, H, W\)"),
        (
            {"embedding": torch.rand(2, 5)},
            r"shape \(2, 5\) for 2 images: this network takes \(2, 6\)",
        ),
        ({"embedding": torch.rand(6)}, r"shape \(6,\)"),
        ({}, "has to be given the degradation"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(lr, given, complaint):
    guided = GuidedSRResNet(**SIZE, guide="oracle", embedding=6)
    with pytest.raises(DDRError, match=complaint):
        guided(**({"x": lr} | given))
