"""What everything else looks into: a network with the names of its layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from ddrlib.zoo.identity import identity
from ddrlib.zoo.image_network import INSIDE, SIDES, sample_images
from ddrlib.zoo.tracing import CALL, path_of


@dataclass(frozen=True)
class Network:
    """A network ready to be looked into.

    Attributes
    ----------
    name : str
        As its card, or its user, calls it.
    module : Module
        In evaluation mode and frozen.
    scale : int
        Ratio of HR to LR sides.
    layers : dict of str to str
        Paths of submodules by the names shown, in order of depth; `""` is the module's own output,
        "PATH#3" that of a submodule in its third run.
    prepare : callable
        Turns LR images (N, 3, H, W), RGB in [0, 1], into what the module takes.
    task : str
        "sr" or "classification".
    card : dict
        Where the network comes from: architecture, source, licence, SHA-256.
    side : int
        Pixels a side of LR images that it takes.
    notes : tuple of str
        What to know of how it is used, and of layers that are left out.
    """

    name: str
    module: nn.Module
    scale: int
    layers: dict[str, str]
    prepare: Callable[[Tensor], Tensor]
    task: str
    card: dict
    side: int = SIDES[0]
    notes: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """The SHA-256 on its card, of the file of its weights; a record names it by this."""
        return self.card["sha256"]

    @property
    def identity(self) -> str:
        """The SHA-256 of all that decides what it computes now; see `ddrlib.zoo.identity`."""
        return identity(self.module, self.prepare, sample_images(self.side)[:1])

    @property
    def inside(self) -> dict[str, str]:
        """Its layers and, before each, what is inside it ("RRDB2.body.0" is `body.0` in RRDB2)."""
        found: dict[str, str] = {}
        for layer, path in self.layers.items():
            whole = path and CALL not in path
            parts = _parts(self.module.get_submodule(path)) if whole else ()
            found |= {f"{layer}.{part}": f"{path}.{part}" for part in parts}
            found[layer] = path
        return found

    @property
    def trunk(self) -> list[str]:
        """The layers of its longest stack of blocks, in order of depth; the last is the deepest.

        Of stacks of one length, as a U-Net has them, it is the last. The runs of a block that runs
        several times are a stack too. A network that is built of no stack is all trunk, but for its
        output.
        """
        stacks = {
            layer: path_of(path) if CALL in path else path.removeprefix(INSIDE).rpartition(".")[0]
            for layer, path in self.layers.items()
        }
        lengths = Counter(filter(None, stacks.values()))
        longest = max(reversed(lengths), key=lengths.__getitem__, default="")
        return [layer for layer, path in self.layers.items() if path and stacks[layer] == longest]


def _parts(module: nn.Module) -> Iterator[str]:
    """The paths of what is inside a module and gives something, the parts of a part before it."""
    for name, part in module.named_children():
        yield from (f"{name}.{inner}" for inner in _parts(part))
        if not isinstance(part, nn.ModuleList | nn.ModuleDict):
            yield name
