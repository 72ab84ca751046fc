"""The layer table of the package, enforced on the imports in its source.

A file imports strictly lower layers or its own room, at any depth of its code. Nobody inside imports
the package hub, module-level imports have no cycle, and DOLFINx, PETSc and plotting stay where they belong.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "lithoscape"

# (layer, room, the packages or files that make it up); files of one line share a room
TABLE: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (0, "foundation", ("constants", "errors", "labels", "records", "specification", "spectra")),
    (1, "materials", ("materials",)),
    (1, "image", ("image",)),
    (1, "protocol", ("protocol",)),
    (2, "generate", ("generate",)),
    (2, "mesh", ("mesh",)),
    (3, "contract", ("problem", "probe")),
    (4, "models", ("models",)),
    (4, "solver", ("solver",)),
    (5, "transport", ("transport",)),
    (5, "simulate", ("simulate", "checkpoint", "fields", "field_files", "resolved_fields")),
    (6, "impedance", ("impedance",)),
    (6, "instruments", ("instruments",)),
    (7, "fit", ("fit",)),
    (7, "sweep", ("sweep",)),
    (7, "design", ("design",)),
    (7, "validation", ("validation",)),
    (8, "report", ("report",)),
    (9, "interface", ("scenario", "cli")),
    (10, "hub", ("__init__", "__main__")),
)
ROOM = {name: room for _, room, names in TABLE for name in names}
LAYER = {room: layer for layer, room, _ in TABLE}

DOLFINX = {"dolfinx", "dolfinx_solver", "basix"}
DOLFINX_ROOMS = {"mesh", "contract", "models", "solver", "transport", "impedance", "simulate"}
PETSC = {"petsc4py", "slepc4py"}
PLOTTING = {"matplotlib", "pyvista", "vtk"}


@dataclass(frozen=True)
class Import:
    """One import statement's target, as an absolute dotted name."""

    target: str
    line: int
    at_module_level: bool


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str  # dotted, without the package: "mesh.domain"; a package's __init__ is the package
    is_package: bool
    tree: ast.Module

    @property
    def room(self) -> str | None:
        """Room of the layer table."""
        return ROOM.get(self.name.split(".")[0] or "__init__")


def read(root: Path) -> dict[str, Module]:
    """Every module of the package by dotted name; the hub is the empty name."""
    modules = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules[name] = Module(name, is_package, ast.parse(path.read_text(encoding="utf-8")))
    return modules


def is_type_checking(node: ast.AST) -> bool:
    """Whether ``node`` is ``if TYPE_CHECKING:``."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def statements(node: ast.AST, running: bool = True) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Import statements below ``node`` and whether they run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, running
            continue
        late = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or is_type_checking(
            child
        )
        yield from statements(child, running and not late)


def absolute(module: Module, node: ast.ImportFrom, package: str) -> str:
    """Absolute name of what a ``from`` statement names, its relative dots resolved."""
    if not node.level:
        return node.module or ""
    here = [package, *module.name.split(".")] if module.name else [package]
    base = here if module.is_package else here[:-1]
    base = base[: len(base) - (node.level - 1)]
    return ".".join([*base, node.module] if node.module else base)


def imports(module: Module, modules: dict[str, Module], package: str) -> Iterator[Import]:
    """Everything ``module`` imports; a name that is itself a module counts as that module."""
    for node, running in statements(module.tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, running) for alias in node.names)
            continue
        base = absolute(module, node, package)
        for alias in node.names:
            full = f"{base}.{alias.name}"
            known = full.removeprefix(f"{package}.") in modules and full.startswith(f"{package}.")
            outside = base.split(".")[0] != package
            yield Import(full if known or outside else base, node.lineno, running)


def inside(target: str, package: str) -> str | None:
    """``target`` without the package name, or None if it is another package's."""
    if target == package:
        return ""
    return target.removeprefix(f"{package}.") if target.startswith(f"{package}.") else None


def check_inner(module: Module, target: str) -> str | None:
    """What is wrong with an import of ``target`` within the package."""
    if target == "":
        return "imports the package hub"
    theirs = ROOM.get(target.split(".")[0])
    if theirs is None:
        return f"imports {target}, which is not in the layer table"
    if theirs != module.room and LAYER[theirs] >= LAYER[module.room or "hub"]:
        return f"(layer {LAYER[module.room or 'hub']}) imports {target} (layer {LAYER[theirs]})"
    return None


def check_outer(module: Module, item: Import) -> str | None:
    """What is wrong with an import of another package."""
    top = item.target.split(".")[0]
    if top in DOLFINX and module.room not in DOLFINX_ROOMS:
        return f"imports {item.target}; DOLFINx belongs to {', '.join(sorted(DOLFINX_ROOMS))}"
    petsc = top in PETSC or (top in DOLFINX and "petsc" in item.target.split("."))
    if petsc and module.room != "solver":
        return f"imports {item.target}; PETSc belongs to solver"
    if top in PLOTTING and item.at_module_level and module.room != "report":
        return f"imports {item.target} at module level; plotting is imported late"
    return None


def cycle(graph: dict[str, set[str]]) -> list[str] | None:
    """One cycle of ``graph`` as a path that ends where it starts, or None."""
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str] | None:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return None
        for following in sorted(graph.get(node, ())):
            if found := visit(following, [*path, node]):
                return found
        done.add(node)
        return None

    return next((found for node in sorted(graph) if (found := visit(node, []))), None)


def violations(root: Path) -> list[str]:
    """Every breach of the rules in the package at ``root``, one line each."""
    modules, package, found = read(root), root.name, []
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for name, module in modules.items():
        if module.room is None:
            found.append(f"{name} is not in the layer table")
            continue
        for item in imports(module, modules, package):
            target = inside(item.target, package)
            wrong = check_outer(module, item) if target is None else check_inner(module, target)
            if wrong:
                found.append(f"{name or package}:{item.line} {wrong}")
            if target is not None and item.at_module_level:
                graph[name].add(target)
    if loop := cycle(graph):
        found.append("cycle: " + " -> ".join(part or package for part in loop))
    return found


def test_the_package_keeps_its_layers() -> None:
    found = violations(SOURCE)
    assert not found, "\n".join(found)


def test_the_walk_sees_the_package() -> None:
    modules = read(SOURCE)
    assert {"", "errors", "protocol", "protocol.step"} <= set(modules)
    seen = {item.target for item in imports(modules["protocol.step"], modules, "lithoscape")}
    assert {"lithoscape.errors", "lithoscape.protocol.stop", "dataclasses.dataclass"} <= seen


def plant(root: Path, files: dict[str, str]) -> Path:
    """Write a fake package, its rooms' ``__init__`` included."""
    package = root / "lithoscape"
    for name, text in {"__init__.py": "", **files}.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text, encoding="utf-8")
    return package


ALLOWED = {
    "errors.py": "",
    "labels.py": "from . import errors\nfrom .errors import x",
    "materials/__init__.py": "from .sets import y",
    "materials/sets.py": "from ..errors import x\nfrom . import ocp\nimport lithoscape.labels",
    "materials/ocp.py": "def f():\n    import ufl\n    from .sets import y\n    import matplotlib",
    "mesh/domain.py": "from dolfinx import fem\nimport lithoscape.materials.ocp\nfrom ..materials import y",
    "solver/linear.py": "from petsc4py import PETSc\nfrom dolfinx.fem.petsc import x\nfrom ..mesh import b",
    "mesh/b.py": "",
    "report/figures.py": "import matplotlib.pyplot as plt",
    "cli.py": "from .report import figures",
    "__init__.py": "from .cli import main",
}

PLANTED = [
    (
        {"materials/a.py": "from ..cli import main", "cli.py": ""},
        "materials.a:1 (layer 1) imports cli (layer 9)",
    ),
    (
        {"materials/a.py": "def f():\n    from .. import cli", "cli.py": ""},
        "materials.a:2 (layer 1) imports cli",
    ),
    (
        {"solver/a.py": "import lithoscape.models.b", "models/b.py": ""},
        "(layer 4) imports models.b (layer 4)",
    ),
    ({"models/a.py": "if TYPE_CHECKING:\n    from ..solver import b", "solver/b.py": ""}, "imports solver.b"),
    ({"mesh/a.py": "from .. import __version__"}, "mesh.a:1 imports the package hub"),
    ({"mesh/a.py": "import lithoscape"}, "mesh.a:1 imports the package hub"),
    ({"mesh/a.py": "from lithoscape import Simulation"}, "mesh.a:1 imports the package hub"),
    ({"mesh/a.py": "from .b import x", "mesh/b.py": "from . import a"}, "cycle: mesh.a -> mesh.b -> mesh.a"),
    (
        {"mesh/__init__.py": "from .a import x", "mesh/a.py": "from . import x"},
        "cycle: mesh -> mesh.a -> mesh",
    ),
    (
        {
            "mesh/a.py": "class K:\n    from .b import x",
            "mesh/b.py": "try:\n    from .a import x\nfinally: 0",
        },
        "cycle",
    ),
    ({"helpers.py": ""}, "helpers is not in the layer table"),
    ({"mesh/a.py": "from ..helpers import x"}, "imports helpers, which is not in the layer table"),
    ({"mesh/a.py": "from petsc4py import PETSc"}, "PETSc belongs to solver"),
    ({"models/a.py": "def f():\n    import dolfinx.fem.petsc"}, "PETSc belongs to solver"),
    ({"models/a.py": "from dolfinx.fem import petsc"}, "PETSc belongs to solver"),
    ({"transport/a.py": "import pyvista"}, "plotting is imported late"),
    *(
        ({f"{room}/a.py": f"def f():\n    import {package}"}, "DOLFINx belongs to")
        for room in ("materials", "image", "protocol", "generate", "report", "instruments", "fit")
        for package in ("dolfinx.fem", "dolfinx_solver")
    ),
]


def test_the_checker_accepts_what_is_allowed(tmp_path: Path) -> None:
    assert violations(plant(tmp_path, ALLOWED)) == []


@pytest.mark.parametrize(("files", "message"), PLANTED)
def test_the_checker_catches_a_planted_violation(files: dict[str, str], message: str, tmp_path: Path) -> None:
    found = violations(plant(tmp_path, files))
    assert len(found) == 1
    assert message in found[0]
