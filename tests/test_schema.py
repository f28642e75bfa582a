"""The tables in the docstrings are the schemas, column for column and type for type."""

import importlib
import re
from pathlib import Path

import pyarrow as pa
import pytest

from sieveline import schema, verdicts
from sieveline.stages import alignment

STAGES = sorted(p.stem for p in (Path(schema.__file__).parent / "stages").glob("[!_]*.py"))
_ROW = re.compile(r"^\| (\w+) \| ([^|]+?) \| [^|]+ \|$", re.MULTILINE)
_HEADING = re.compile(r"^\| column \| type \| meaning \|\n\|(?:---\|)+\n", re.MULTILINE)


def tables(docstring: str) -> list[list[tuple[str, str]]]:
    """Name and type of every column of every table, in order."""
    return [_ROW.findall(part.split("\n\n")[0]) for part in _HEADING.split(docstring)[1:]]


def columns(of: pa.Schema) -> list[tuple[str, str]]:
    return [(field.name, _name(field.type)) for field in of]


def _name(of: pa.DataType) -> str:
    if pa.types.is_list(of):
        return f"list<{_name(of.value_type)}>" if not pa.types.is_struct(of.value_type) else "list"
    if pa.types.is_fixed_size_list(of):
        return f"fixed_size_list<{_name(of.value_type)}>[{of.list_size}]"
    return str(of)


def test_shared_schemas():
    assert tables(schema.__doc__) == [columns(schema.SAMPLES), columns(schema.LEDGER)]
    assert tables(verdicts.__doc__) == [columns(verdicts.VERDICT)]


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_documents_what_it_measures(stage):
    module = importlib.import_module(f"sieveline.stages.{stage}")
    schemas = [
        columns(value)
        for name, value in vars(module).items()
        if isinstance(value, pa.Schema) and value is not verdicts.VERDICT and not name.startswith("_")
    ]
    if module is alignment:
        schemas = [[(n, t.replace("[7]", "[D]")) for n, t in columns(alignment.measured(7))]]
    documented = tables(module.__doc__)
    assert documented
    assert [table for table in documented if table not in schemas] == []
    for schema_columns in schemas:  # one that is part of another is documented there
        assert any([c for c in table if c in schema_columns] == schema_columns for table in documented)


def test_sample_ids():
    one = schema.sample_id(b"image", "caption")
    assert re.fullmatch("[0-9a-f]{32}", one)
    assert one == schema.sample_id(memoryview(b"image"), "caption")
    different = {one, schema.sample_id(b"imag", "ecaption"), schema.sample_id(b"image", "caption "), schema.sample_id(b"", "")}
    assert len(different) == 4
    assert schema.sample_id(b"x", "\ud800")
