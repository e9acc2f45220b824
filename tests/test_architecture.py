"""The folders of ddrlib are its architecture: what CONTRIBUTING says of them, checked."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

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


def test_public_names_have_docstrings():
    """All but `forward`, of which the class says what it maps to what."""
    bare = [
        f"{path.stem}.{node.name}"
        for path, tree in _sources()
        if path.is_relative_to(LIBRARY)
        for scope in ast.walk(tree)
        if isinstance(scope, ast.Module | ast.ClassDef)
        if not getattr(scope, "name", "").startswith("_")
        for node in scope.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        if not node.name.startswith("_") and node.name != "forward"
        if not ast.get_docstring(node)
    ]
    assert bare == []


def test_what_chapters_use_is_documented_name_by_name():
    """With numpydoc sections: every parameter in order, what is returned, every field of a result."""
    used = set(_used_by_chapters())
    assert len(used) > 60
    records = {kind for name in used for kind in _records(name)}
    methods = {method for kind in used | records for method in _methods(kind)}
    faults = {f"{x.__module__}.{x.__qualname__}": _fault(x) for x in used | records | methods}
    assert {name: fault for name, fault in faults.items() if fault} == {}


def test_a_docstring_of_another_signature_is_noticed():
    def swapped(a: int, b: int) -> int:
        """Sum.

        Parameters
        ----------
        b, a

        Returns
        -------
        int
        """

    def silent(a: int) -> int:
        """Nothing.

        Parameters
        ----------
        a : int
            A number.
        """

    assert _fault(swapped) == "Parameters ['b', 'a'], not ['a', 'b']"
    assert _fault(silent) == "no Returns"


def _used_by_chapters() -> Iterator[Any]:
    """The functions and classes that chapters import, or take from a module that they import."""
    cells = defaultdict(list)
    for path, tree in _sources():
        if path.suffix == ".ipynb":
            cells[path].extend(ast.walk(tree))
    for nodes in cells.values():
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ddrlib"):
                for alias in node.names:
                    found = _imported(node.module, alias.name)
                    names = [n for n in nodes if isinstance(n, ast.Attribute)]
                    if isinstance(found, ModuleType):
                        own = [n.attr for n in names if ast.unparse(n.value) == alias.name]
                        yield from (getattr(found, name) for name in own)
                    elif callable(found):
                        yield found


def _imported(module: str, name: str) -> Any:
    if (ROOT / module.replace(".", "/") / f"{name}.py").exists():
        return import_module(f"{module}.{name}")
    return getattr(import_module(module), name)


def _records(function: Any) -> Iterator[type]:
    """The dataclasses and named tuples of the library that a function returns."""
    for name in re.findall(r"\w+", str(inspect.signature(function).return_annotation)):
        kind = getattr(function, "__globals__", {}).get(name)
        fields = getattr(kind, "__dataclass_fields__", getattr(kind, "_fields", None))
        if fields and kind.__module__.startswith("ddrlib"):
            yield kind


def _methods(kind: Any) -> Iterator[Any]:
    for name, member in vars(kind).items() if isinstance(kind, type) else ():
        function = getattr(member, "__func__", member)
        if isinstance(function, FunctionType) and not name.startswith("_"):
            yield function


def _fault(documented: Any) -> str:
    """What a docstring lacks; "" where it has all."""
    sections = _sections(documented.__doc__ or "")
    signature = inspect.signature(documented)
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    expected = [
        stars.get(parameter.kind, "") + name
        for name, parameter in signature.parameters.items()
        if name not in ("self", "cls")
    ]
    found = sections.get("Parameters", sections.get("Attributes", []))
    if found != expected:
        return f"Parameters {found}, not {expected}"
    returns = not isinstance(documented, type) and signature.return_annotation != "None"
    return "no Returns" if returns and not sections.keys() & {"Returns", "Yields"} else ""


def _sections(docstring: str) -> dict[str, list[str]]:
    """The names that each section of a numpydoc docstring lists."""
    parts = re.split(r"^(\w+)\n-+\n", inspect.cleandoc(docstring), flags=re.MULTILINE)
    return {
        title: [
            name
            for line in re.findall(r"^\S.*", body, re.MULTILINE)
            for name in line.partition(" : ")[0].split(", ")
        ]
        for title, body in zip(parts[1::2], parts[2::2], strict=True)
    }
