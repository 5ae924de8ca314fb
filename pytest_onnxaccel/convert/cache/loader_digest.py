"""What a loader is made of: its module's file and those that it imports from the repository; nothing is imported."""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence


def loader_digest(loader: str, import_paths: Sequence[str]) -> str:
    """Return the SHA-256 over the source files behind *loader* (``package.module:callable``).

    Those are its module, the packages around it, and whatever these import from *import_paths* or from their own
    top-level package, at any depth. Other packages count by nothing but their presence, and data that a loader reads is
    not seen.
    """
    digest = hashlib.sha256(loader.encode())
    for name, path in sorted(loader_files(loader.partition(":")[0], import_paths).items()):
        try:
            with open(path, "rb") as file:
                content = hashlib.sha256(file.read()).hexdigest()
        except OSError:
            content = "unreadable"
        digest.update(f"{name}\0{content}\n".encode())
    return digest.hexdigest()


def loader_files(module: str, import_paths: Sequence[str]) -> dict[str, str]:
    """Return the path by module name of the source files that *module* is made of."""
    own = module.partition(".")[0]
    found: dict[str, str] = {}
    pending = [module]
    while pending:
        name = pending.pop()
        if name in found or not name:
            continue
        # Its own package wherever that lies, anything else only in the repository
        roots = [*import_paths, *(sys.path if name.partition(".")[0] == own else ())]
        path = _find(name, roots)
        if path is None:
            continue
        found[name] = path
        pending.append(name.rpartition(".")[0])
        pending += _imports(path, name)
    return found


def _find(module: str, roots: Sequence[str]) -> str | None:
    relative = module.replace(".", os.sep)
    for root in roots:
        for candidate in (f"{relative}.py", os.path.join(relative, "__init__.py")):
            path = os.path.join(root or os.getcwd(), candidate)
            if os.path.isfile(path):
                return path
    return None


def _imports(path: str, name: str) -> Iterator[str]:
    """Yield names that may be modules, of what the file at *path* imports anywhere in it."""
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return  # importing it says what is wrong
    package = name if os.path.basename(path) == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" if base else alias.name for alias in node.names)
