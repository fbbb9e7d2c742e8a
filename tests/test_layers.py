"""Packages import packages below them, and none above."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOORS = (
    ("bickd_core", "bickd_viz", "bickd_cli"),
    ("bickd_viz", "app"),
    (
        *("bickd_core.geometry", "bickd_core.kernels", "bickd_core.models", "bickd_core.presets"),
        *(
            "bickd_core.losses",
            "bickd_core.data",
            "bickd_core.config",
            "bickd_core.runs",
            "bickd_core.maps",
        ),
        *(
            "bickd_core.comparing",
            "bickd_core.launch",
            "bickd_core.training",
            "bickd_core.exporting",
        ),
        *("bickd_core.importing", "bickd_core.sweeps"),
    ),
    ("app.plain", "app.state", "app.data", "app.components", "app.pages", "app.shell"),
)
"""Packages from the ground up. Those that are in no common line may import each other."""


@cache
def imported(path: Path) -> tuple[str, ...]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(names)


def floor(module: str, floors: tuple[str, ...]) -> str | None:
    """The package of `floors` that holds a module."""
    return next((package for package in floors if f"{module}.".startswith(f"{package}.")), None)


def arrows_up(floors: tuple[str, ...]) -> set[tuple[str, str]]:
    found = set()
    for package in floors:
        folder = ROOT / package.replace(".", "/")
        for path in [*folder.rglob("*.py"), *folder.parent.glob(f"{folder.name}.py")]:
            for above in {floor(name, floors) for name in imported(path)} - {None}:
                if floors.index(above) > floors.index(package):
                    found.add((package, above))
    return found


def test_no_package_imports_one_above_it():
    assert set().union(*map(arrows_up, FLOORS)) == set()
