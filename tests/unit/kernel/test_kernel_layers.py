import ast
import sys
from pathlib import Path

import actors.kernel

KERNEL = Path(actors.kernel.__file__).parent


def imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(node.module or "")
    return names


def test_the_kernel_stands_on_the_standard_library_and_the_errors_alone() -> None:
    for file in KERNEL.glob("*.py"):
        for name in imported(ast.parse(file.read_text(encoding="utf-8"))):
            own = name.startswith("actors.kernel") or name == "actors.errors"
            assert own or name.split(".")[0] in sys.stdlib_module_names, f"{file.name} imports {name}"


def test_what_the_package_exports_is_there_and_sorted() -> None:
    assert sorted(actors.kernel.__all__) == actors.kernel.__all__
    assert all(hasattr(actors.kernel, name) for name in actors.kernel.__all__)
