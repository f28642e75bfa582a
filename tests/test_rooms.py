"""The house rules: which room may import which, how long a file may be, what no file may be called."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
]  # fmt: skip
SHARED, CRAFTS = {"sieveline"}, {"recaption", "ocr_synth", "gui_crawl"}
MAY_IMPORT = {  # of our own rooms, beside itself
    "sieveline": set(),
    "classifiers": SHARED,
    "recaption": SHARED | {"classifiers"},
    "ocr_synth": SHARED | {"classifiers"},
    "gui_crawl": SHARED | {"classifiers"},
    "training": SHARED,
    "models": SHARED | CRAFTS | {"classifiers", "demo", "training"},
    "pipelines": SHARED | CRAFTS | {"classifiers", "models"},
    "assets": SHARED | CRAFTS | {"classifiers", "models", "pipelines", "training"},
    "demo": SHARED | CRAFTS | {"classifiers", "models", "pipelines", "assets", "training"},
}
BEAM_ROOMS, DAGSTER_ROOMS = {"pipelines"}, {"assets"}
HEAVY = {"torch", "torchvision", "transformers", "open_clip", "paddleocr", "spacy", "apache_beam", "dagster"}
MODELS_AND_TRAINING = {"models", "training", "recaption"}  # where a module may be a network: torch is its subject there
NEVER = {"utils", "util", "common", "helpers", "helper", "misc"}


def files(room: str) -> list[Path]:
    return [f for f in FILES if f.relative_to(ROOT).parts[0] == room and f.exists()]


def imports(path: Path) -> Iterator[tuple[str, bool, int]]:
    """Top-level package, whether imported when the module is, and the line, of every import; those for types only do not count."""
    tree = ast.parse(path.read_text())
    inside: set[int] = set()
    typing_only: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            inside |= {id(n) for n in ast.walk(node)}
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            typing_only |= {id(n) for n in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.split(".")[0], id(node) not in inside, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0], id(node) not in inside, node.lineno


def test_every_room_is_known():
    rooms = {f.relative_to(ROOT).parts[0] for f in FILES} - {"tests", "benchmarks"}
    assert rooms == set(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room):
    wrong = []
    for path in files(room):
        allowed = MAY_IMPORT[room] | {room}
        for package, at_start, line in imports(path):
            late = (
                path == ROOT / "sieveline" / "cli.py" and package in {"pipelines", "training"} and not at_start
            )  # the lines it can run
            if package in MAY_IMPORT and package not in allowed and not late:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {package}")
    assert not wrong


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_beam_and_dagster_have_one_room_each(room):
    found = {package: f"{path.relative_to(ROOT)}:{line}" for path in files(room) for package, _, line in imports(path)}
    assert room in BEAM_ROOMS or "apache_beam" not in found, found
    assert room in DAGSTER_ROOMS or "dagster" not in found, found


@pytest.mark.parametrize("room", sorted(set(MAY_IMPORT) - MODELS_AND_TRAINING - BEAM_ROOMS - DAGSTER_ROOMS))
def test_nothing_heavy_is_imported_at_module_level(room):
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {package}"
        for path in files(room)
        for package, at_start, line in imports(path)
        if at_start and package in HEAVY
    ]
    assert not wrong


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_are_short_and_well_named(path):
    if path.exists():
        assert len(path.read_text().splitlines()) <= 500
        assert not NEVER & set(path.relative_to(ROOT).with_suffix("").parts)


def test_half_the_files_are_below_250_lines():
    lengths = sorted(len(p.read_text().splitlines()) for p in FILES if p.exists())
    assert lengths[len(lengths) // 2] < 250


def test_no_global_randomness():
    """Draws come from `sieveline.draws`."""
    wrong = []
    for path in FILES:
        room = path.relative_to(ROOT).parts[0]
        if room not in MAY_IMPORT or not path.exists():
            continue
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import) and any(a.name == "random" for a in node.names):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func).startswith("np.random.")
                and "Generator" not in ast.unparse(node.func)
            ) and ast.unparse(node.func) not in ("np.random.PCG64", "np.random.default_rng"):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not wrong
