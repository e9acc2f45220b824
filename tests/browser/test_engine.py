"""The engine of the page against PyTorch and ddrlib.degrade, in Chromium, with no network."""

from __future__ import annotations

import base64
import json
from functools import cache

import numpy as np
import pytest
import torch
from conftest import CHROMIUM

from ddrlib.data.photographs import load_patches
from ddrlib.degrade.degradation import degrade
from ddrlib.measure.controls import high_pass
from ddrlib.networks.guided import GuidedSRResNet
from ddrlib.networks.srresnet import SRResNet
from ddrlib.widgets.engine import ENGINE, Arrays, describe, uniform, untrained
from ddrlib.widgets.live import STATIC, static
from ddrlib.zoo.loading import load_network
from ddrlib.zoo.network import Network

if CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)

PHOTOGRAPHS, SIZE = 20, 32
DEGRADATIONS = [
    *("clean", "blur0.5", "blur1", "blur1.7", "blur2", "blur4", "blur6", "jpeg5", "jpeg30"),
    *("jpeg60", "jpeg75", "jpeg95", "blur2+jpeg30", "blur4+jpeg10", "blur1+jpeg90"),
]
NOISES = [5, 20]

PAGE = """<!doctype html><meta charset="utf-8"><script>{script}
const decode = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
const encode = (array) => {{
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}};
const network = async ({{ about, weights, size, kernel }}) => {{
  const given = [about, fromHalf(new Uint16Array(decode(weights))), size, decode(kernel)];
  window.net = await makeNetwork(...given);
  window.guide = about.guide && await makeGuide(...given);
}};
</script>"""

KERNEL = base64.b64encode((STATIC / "page" / "convolution.wasm").read_bytes()).decode()
NO_KERNEL = base64.b64encode(b"not a module").decode()


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """A page that holds the engine and nothing else."""
    path = tmp_path_factory.mktemp("engine") / "page.html"
    path.write_text(PAGE.format(script=static(*ENGINE)), "utf-8")
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(path.as_uri())
    yield page
    context.close()


@cache
def photographs() -> torch.Tensor:
    return load_patches("eval", n=PHOTOGRAPHS).images


def encoded(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def decoded(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype)


def channels_last(images: torch.Tensor) -> np.ndarray:
    return images.movedim(1, -1).numpy()


def send_network(page, network: Network, size: int = SIZE, kernel: str = KERNEL) -> dict:
    tensors = Arrays("<f2")
    about = describe(network, tensors)
    argument = {"about": about, "size": size, "kernel": kernel, "weights": encoded_bytes(tensors)}
    page.evaluate("(given) => network(given).then(() => {})", argument)
    return about


def encoded_bytes(tensors: Arrays) -> str:
    return base64.b64encode(tensors.bytes()).decode()


def looked_at(page, images: torch.Tensor, outputs: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Features (N, C, h, w) of the network sent last, and the first outputs (outputs, H, W, 3)."""
    n, _, size, _ = images.shape
    found = page.evaluate(
        """([text, n, outputs]) => {
          const all = new Float32Array(decode(text)), length = all.length / n;
          return Array.from({ length: n }, (_, i) => {
            const lr = all.subarray(i * length, (i + 1) * length);
            return [encode(net.features(lr)), i < outputs ? encode(net.output(lr)) : ""];
          });
        }""",
        [encoded(channels_last(images)), n, outputs],
    )
    maps = np.stack([decoded(features, "<f4").reshape(size, size, -1) for features, _ in found])
    images = [
        decoded(output, "<f4").reshape(4 * size, 4 * size, 3) for _, output in found[:outputs]
    ]
    return maps.transpose(0, 3, 1, 2), np.array(images)


def expected(
    network: Network, images: torch.Tensor, outputs: int = 1, **guidance
) -> tuple[np.ndarray, np.ndarray]:
    """The same by PyTorch."""
    seen = []
    body = network.module.body
    handle = body[len(body) - 1].register_forward_hook(lambda *given: seen.append(given[-1]))
    upsample = network.module.upsample
    network.module.upsample = lambda maps, lr: upsample(maps[:outputs], lr[:outputs])
    with torch.no_grad():
        output = network.module(images, **guidance)
    handle.remove()
    del network.module.upsample
    return seen[0].numpy(), channels_last(output)


def agree(found: tuple, wanted: tuple) -> None:
    for mine, theirs in zip(found, wanted, strict=True):
        assert np.abs(mine - theirs).max() < 1e-5
        assert np.ptp(theirs) > 0.01, "nothing to compare"


@pytest.fixture(scope="module")
def degraded(page) -> dict[str, np.ndarray]:
    """The 20 photographs under 15 degradations, by the page."""
    hr = encoded(channels_last(photographs()))
    lr = page.evaluate(
        """([text, n, size, settings]) => {
          const all = new Float32Array(decode(text)), length = all.length / n;
          return settings.map((setting) => encode(Uint8Array.from(Array.from({ length: n }, (_, i) =>
            Array.from(degrade(all.subarray(i * length, (i + 1) * length), size, setting))).flat())));
        }""",
        [hr, PHOTOGRAPHS, SIZE, [settings(text) for text in DEGRADATIONS]],
    )
    shape = (PHOTOGRAPHS, SIZE, SIZE, 3)
    pixels = [decoded(text, "u1").reshape(shape).transpose(0, 3, 1, 2) for text in lr]
    return dict(zip(DEGRADATIONS, pixels, strict=True))


def settings(text: str) -> dict:
    found = {"blur": 0.0, "quality": 0}
    for step in text.split("+"):
        if step.startswith("blur"):
            found["blur"] = float(step[4:])
        elif step.startswith("jpeg"):
            found["quality"] = int(step[4:])
    return found


@pytest.mark.parametrize("degradation", DEGRADATIONS)
def test_degraded_inputs_are_those_of_the_library(degraded, degradation):
    wanted = degrade(photographs(), degradation).mul(255).round().byte().numpy()
    assert np.array_equal(degraded[degradation], wanted)


@pytest.mark.parametrize("sigma", NOISES)
def test_noise_has_the_same_strength(page, sigma):
    grey = np.full((4 * SIZE, 4 * SIZE, 3), 0.5, np.float32)
    text = page.evaluate(
        """([text, size, noise]) =>
          encode(degrade(new Float32Array(decode(text)), size, { noise }, makeGrain(3 * size * size)))""",
        [encoded(grey), SIZE, sigma],
    )
    noise = decoded(text, "u1") - 127.5
    assert noise.std() == pytest.approx(sigma, rel=0.05)
    assert abs(noise.mean()) < 4 * sigma / np.sqrt(noise.size) + 0.5
    kurtosis = (noise**4).mean() / (noise**2).mean() ** 2
    assert kurtosis == pytest.approx(3, abs=0.4), "Gaussian"


@pytest.mark.parametrize("name", ["srresnet-wgr-reduced-s0", "srresnet-wogr-reduced-s0"])
def test_features_and_output_are_those_of_pytorch(page, degraded, name):
    network = load_network(name)
    send_network(page, network)
    assert page.evaluate("net.compiled"), "WebAssembly"
    # All 300 for the first network, every tenth for the second.
    pixels = np.concatenate([*degraded.values()])[:: 1 if "wgr" in name else 10]
    for images in torch.from_numpy(pixels / np.float32(255)).split(50):
        agree(looked_at(page, images), expected(network, images, outputs=1))


def drawn(module: SRResNet) -> Network:
    """A network with weights as float16 holds them, all of them at work."""
    torch.manual_seed(0)
    for key, value in {**module.state_dict(), **dict(module.named_buffers())}.items():
        if value.is_floating_point():
            fan = value[0].numel() if value.ndim > 1 else 400
            value.copy_((torch.randn_like(value) / fan**0.5).half() * (0.3 if "body" in key else 1))
        if key.endswith(("std", "running_var")):
            value.copy_((value.abs() + 0.5).half())
    arguments = {"guide": getattr(module, "guide", "")}
    module.eval().requires_grad_(False)
    return Network("toy", module, 4, module.layers(), lambda x: x, "sr", {"arguments": arguments})


@pytest.mark.parametrize("kernel", [KERNEL, NO_KERNEL], ids=["wasm", "javascript"])
@pytest.mark.parametrize("shape", [(64, 16, True), (32, 8, False), (8, 1, True), (24, 3, False)])
def test_every_size_and_both_kernels(page, shape, kernel):
    channels, blocks, residual = shape
    network = drawn(SRResNet(channels, blocks, residual))
    images = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    send_network(page, network, 16, kernel)
    assert page.evaluate("net.compiled") == (kernel == KERNEL)
    agree(looked_at(page, images), expected(network, images))
    early = page.evaluate(
        "([text]) => encode(net.features(new Float32Array(decode(text)), 0))",
        [encoded(channels_last(images))],
    )
    first = torch.nn.functional.leaky_relu(network.module.conv_first(images), 0.1)
    found = decoded(early, "<f4").reshape(1, 16, 16, channels)
    assert np.abs(found - channels_last(first)).max() < 1e-5


@pytest.mark.parametrize("told", [(0.0, 0.0), (4.0, 20.0), (1.3, 7.0)])
def test_guided_by_the_oracle(page, told):
    network = drawn(GuidedSRResNet(16, 2, True, guide="oracle", embedding=32))
    images = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    send_network(page, network, 16)
    tell = "([blur, noise]) => net.guide(guide.embed({ blur, noise }))"
    page.evaluate(tell, list(told))
    wanted = expected(network, images, degradation=torch.tensor([told]))
    agree(looked_at(page, images), wanted)
    page.evaluate(tell, [2, 2])
    assert np.abs(looked_at(page, images)[1] - wanted[1]).max() > 1e-3, "what it is told counts"


@pytest.mark.parametrize("kind", ["frozen", "learned"])
def test_guided_by_what_a_trunk_sees(page, kind):
    """In the image itself, and in another one, which is how such a network is lied to."""
    network = drawn(GuidedSRResNet(16, 2, True, guide=kind, embedding=32))
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    send_network(page, network, 16)
    for other in (images[:1], images[1:]):
        pixels = encoded(channels_last(other))
        page.evaluate("(t) => net.guide(guide.embed(null, new Float32Array(decode(t))))", pixels)
        wanted = expected(network, images[:1], embedding=network.module.embed(other))
        agree(looked_at(page, images[:1]), wanted)
    assert np.abs(wanted[1] - expected(network, images[:1])[1]).max() > 1e-3, "the guide counts"


@pytest.mark.parametrize("name", ["guided-ddr-reduced-s0", "guided-learned-reduced-s0"])
def test_shipped_guides(page, name):
    network = load_network(name)
    send_network(page, network)
    images = degrade(photographs()[:1], "blur2+noise10")
    found = page.evaluate(
        "(t) => Array.from(guide.embed(null, new Float32Array(decode(t))))",
        encoded(channels_last(images)),
    )
    wanted = network.module.embed(images)[0]
    assert np.abs(np.array(found) - wanted.numpy()).max() < 1e-5 * max(1, wanted.abs().max())


def test_a_skip_for_features(page):
    network = drawn(SRResNet(16, 2, False, long_skip=True))
    images = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    send_network(page, network, 16)
    agree(looked_at(page, images), expected(network, images))


def test_features_alone(page):
    """Without the weights of the upsampling, of which there are as many as of half the trunk."""
    network = load_network("srresnet-wgr-reduced-s0")
    tensors = Arrays("<f2")
    about = describe(network, tensors, output=False)
    assert about["size"] < 0.65 * describe(network, Arrays("<f2"))["size"]
    argument = {"about": about, "size": SIZE, "kernel": KERNEL, "weights": encoded_bytes(tensors)}
    page.evaluate("(given) => network(given).then(() => {})", argument)
    images = degrade(photographs()[:1], "blur1")
    found, _ = looked_at(page, images, outputs=0)
    assert np.abs(found - expected(network, images)[0]).max() < 1e-5


def test_untrained_weights_and_the_high_pass_filter(page):
    numbers = page.evaluate("Array.from({ length: 1000 }, (_, i) => uniform(7, i))")
    assert np.array_equal(numbers, uniform(7, 1000))
    assert 0.45 < np.mean(numbers) < 0.55 and len(set(numbers)) == 1000
    network = untrained(load_network("srresnet-wgr-reduced-s0"))
    about = describe(network, Arrays("<f2"))
    page.evaluate(
        """([about, kernel]) => makeNetwork(about, untrainedWeights(about, 1), 32, decode(kernel))
          .then((made) => { window.net = made; })""",
        [about, KERNEL],
    )
    images = degrade(photographs()[:2], "noise10")
    found, wanted = looked_at(page, images), expected(network, images)
    assert np.abs(found[0] - wanted[0]).max() < 1e-5 < wanted[0].std()
    filtered = page.evaluate(
        "([text]) => encode(highPass(new Float32Array(decode(text)), 32))",
        [encoded(channels_last(images[:1]))],
    )
    found = decoded(filtered, "<f4").reshape(1, 32, 32, 3)
    wanted = high_pass(images[:1]).reshape(1, 3, 32, 32).transpose(0, 2, 3, 1)
    assert np.abs(found - wanted).max() < 1e-6


def test_fast_enough(page):
    """Deepest features of 32 x 32 pixels: milliseconds, where plain JavaScript takes a hundred."""
    send_network(page, load_network("srresnet-wgr-reduced-s0"))
    times = page.evaluate("""() => Array.from({ length: 15 }, () => {
      const start = performance.now();
      net.features(new Float32Array(3 * 32 * 32).fill(0.5));
      return performance.now() - start;
    })""")
    print(json.dumps(sorted(times)))
    assert min(times) < 40
