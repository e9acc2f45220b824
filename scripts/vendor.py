"""Fetch the third-party scripts of the pages into book/_vendor, at the versions of package.json.

python scripts/vendor.py

Needs npm and the network; `make book` needs neither, because what this script writes is committed.
No script of a package is run. SHA256SUMS says what was fetched: `git diff` after a run shows whether
the committed files are those of the packages.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "book" / "_vendor"

# package -> {files in it: folder in book/_vendor}
FILES = {
    "mathjax": {
        "es5/tex-chtml-full.js": "mathjax",
        "es5/output/chtml/fonts/woff-v2/*.woff": "mathjax/output/chtml/fonts/woff-v2",
        "LICENSE": "licences/mathjax",
    },
}


def unpack(package: str, version: str, folder: Path) -> Path:
    """The contents of a package, fetched and unpacked in `folder`."""
    command = ["npm", "pack", "--json", "--ignore-scripts", f"{package}@{version}"]
    result = subprocess.run(command, check=True, cwd=folder, capture_output=True, text=True)
    with tarfile.open(folder / json.loads(result.stdout)[0]["filename"]) as archive:
        archive.extractall(folder, filter="data")
    return (folder / "package").rename(folder / package.rpartition("/")[2])


def main() -> None:
    """Write book/_vendor from scratch."""
    versions = json.loads((ROOT / "package.json").read_text())["dependencies"]
    shutil.rmtree(VENDOR, ignore_errors=True)
    with TemporaryDirectory() as work:
        for package, files in FILES.items():
            contents = unpack(package, versions[package], Path(work))
            for pattern, folder in files.items():
                (VENDOR / folder).mkdir(parents=True, exist_ok=True)
                for file in sorted(contents.glob(pattern)):
                    shutil.copyfile(file, VENDOR / folder / file.name)
    written = sorted(path for path in VENDOR.rglob("*") if path.is_file())
    sums = [f"{sha256(f.read_bytes()).hexdigest()}  {f.relative_to(VENDOR)}" for f in written]
    (VENDOR / "SHA256SUMS").write_text("\n".join(sums) + "\n")


if __name__ == "__main__":
    main()
