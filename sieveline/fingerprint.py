"""Fingerprints: what a result was made from, as a short hex string.

A measurement is reused while the fingerprint of its configuration, its code and its model stands. Code is fingerprinted by its
syntax tree without docstrings, so that a better comment does not throw a billion measurements away.
"""

import ast
import dataclasses
import enum
import inspect
import json
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import xxhash


def fingerprint(*parts: Any) -> str:
    """16 hex digits over `parts`: configs (dataclasses), strings, numbers, None, and lists, tuples or dicts of these."""
    text = json.dumps([_plain(p) for p in parts], sort_keys=True, ensure_ascii=True).encode()
    return xxhash.xxh3_64_hexdigest(text)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return [type(value).__name__, fields]
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(v) for v in value)
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, Path):
        value = str(value)
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"cannot fingerprint a {type(value).__name__}: {value!r}")


def code_version(*modules: ModuleType) -> str:
    """16 hex digits over the code of `modules`, blind to comments, docstrings and formatting."""
    return fingerprint(*(_code(inspect.getsource(m)) for m in modules))


@cache
def _code(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)
