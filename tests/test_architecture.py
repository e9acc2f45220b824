"""The folders of ddrlib are its architecture: what CONTRIBUTING says of them, checked."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from ddrlib.files import ROOT

LIBRARY = ROOT / "ddrlib"
FILES = [path for path in LIBRARY.rglob("*.py") if path.name != "__init__.py"]


def imports(path: Path) -> Iterator[str]:
    """The modules of ddrlib that a file imports, also inside its functions, each as `room.module`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in getattr(node, "names", ()) if isinstance(alias, ast.alias)]
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ddrlib."):
            for name in names:
                is_module = (ROOT / node.module.replace(".", "/") / f"{name}.py").exists()
                yield f"{node.module}.{name}" if is_module else node.module
        elif isinstance(node, ast.Import):
            yield from (name for name in names if name.startswith("ddrlib."))


def room(module: str) -> str:
    return module.split(".")[1]


GRAPH = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): set(imports(path)) for path in FILES
}


def test_imports_go_one_way():
    """Neither modules nor rooms import in a circle, and names come from the module of their own."""
    assert {module for used in GRAPH.values() for module in used} <= GRAPH.keys()
    rooms: dict[str, set[str]] = {}
    for module, used in GRAPH.items():
        rooms.setdefault(room(module), set()).update(map(room, used))
    for graph in (GRAPH, {name: used - {name} for name, used in rooms.items()}):
        assert list(TopologicalSorter(graph).static_order())  # CycleError names the circle


def test_a_name_is_imported_from_the_module_that_defines_it():
    """And so it is in chapters, tests and scripts: nothing is handed on."""
    handed_on = {
        (module, alias.asname or alias.name)
        for module in GRAPH
        for node in ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text()).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ddrlib")
        for alias in node.names
    }
    for path, tree in _sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                used = {(node.module, alias.name) for alias in node.names}
                assert not used & handed_on, path


def _sources() -> Iterator[tuple[Path, ast.Module]]:
    for folder in ("ddrlib", "tests", "scripts", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            yield path, ast.parse(path.read_text(encoding="utf-8"))
    for path in (ROOT / "book").glob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                yield path, ast.parse("".join(cell["source"]))


def test_a_stranger_can_read_the_folder_list():
    entries = [path for path in LIBRARY.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 16
    described = ast.get_docstring(ast.parse((LIBRARY / "__init__.py").read_text()))
    assert [path.stem for path in entries if path.stem not in described] == ["__init__"]


def test_a_folder_s_own_file_is_a_docstring():
    for path in LIBRARY.rglob("__init__.py"):
        (docstring,) = ast.parse(path.read_text()).body
        assert isinstance(docstring.value.value, str)
