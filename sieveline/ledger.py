"""The ledger: one Parquet file per stage and source shard, one row per sample that entered the stage.

The file's metadata says what it was made from, so that a later run knows whether it still stands: `stage`, `decision` (fingerprint of
configuration, measurement and upstream decision), `measurement`, `recipe` (fingerprint of the stage's configuration), `code` (version), `rows`,
`kept`, and where there is one `model`, `weights_hash`, `media` (tar that the rows point into), `damage` (what was wrong with the shard).
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sieveline import storage
from sieveline.schema import LEDGER

_METADATA_KEY = b"sieveline"


@dataclass
class StageCount:
    """Counts of one stage: `in = kept + sum(dropped)`."""

    name: str
    num_in: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    cpu_seconds: float = 0.0

    def add(self, ledger: pa.Table) -> None:
        self.num_in += ledger.num_rows
        self.kept += pc.sum(ledger["kept"]).as_py() or 0
        lost = ledger.filter(pc.invert(ledger["kept"]))["reason"]
        self.dropped.update({row["values"]: row["counts"] for row in pc.value_counts(lost).to_pylist()})

    def check(self) -> None:
        """Raises ValueError unless every sample that came in is kept or dropped with a reason."""
        if None in self.dropped:
            raise ValueError(f"{self.name}: {self.dropped[None]} dropped rows carry no reason")  # pyright: ignore
        if self.num_in != self.kept + sum(self.dropped.values()):
            raise ValueError(f"{self.name}: {self.num_in} in, {self.kept} kept, {sum(self.dropped.values())} dropped")

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "in": self.num_in,
            "kept": self.kept,
            "dropped": dict(sorted(self.dropped.items())),
            "cpu_seconds": round(self.cpu_seconds, 3),
        }


def write_table(url: str, table: pa.Table, metadata: Mapping[str, Any]) -> None:
    """Publishes `table` as Parquet with `metadata` (JSON values) in the footer; the same input gives the same bytes."""
    footer = {_METADATA_KEY: json.dumps(metadata, sort_keys=True).encode()}
    # Parquet's pages follow the chunks of a table, which tell how it was made: in one chunk, equal rows are equal bytes.
    table = table.replace_schema_metadata(footer).combine_chunks()
    with storage.publish(url) as file:
        pq.write_table(table, file, compression="zstd", row_group_size=1 << 17)


def read_table(url: str, columns: Sequence[str] | None = None) -> pa.Table:
    fs, path = storage.filesystem(url)
    with fs.open(path, "rb") as file:
        return pq.read_table(file, columns=list(columns) if columns is not None else None)


def read_metadata(url: str) -> dict[str, Any] | None:
    """The metadata written beside a table, or None where there is no such file."""
    fs, path = storage.filesystem(url)
    try:
        with fs.open(path, "rb") as file:
            footer = pq.read_metadata(file).metadata or {}
    except FileNotFoundError:
        return None
    return json.loads(footer.get(_METADATA_KEY, b"{}"))


def assemble(
    base: pa.Table, verdicts: pa.Table, kept: pa.Array, measured: Mapping[str, pa.Array | pa.ChunkedArray]
) -> pa.Table:
    """A ledger table: identity columns of `base`, the verdicts, then the measured columns, all row for row.

    Args:
        base: holds the columns of `LEDGER` up to `length`.
        verdicts: of schema `VERDICT`.
        kept: bool.
        measured: the stage's own columns, by name.
    """
    columns: dict[str, Any] = {name: base[name] for name in LEDGER.names if name in base.column_names}
    columns |= {"kept": kept} | {name: verdicts[name] for name in verdicts.column_names}
    table = pa.table({name: columns[name] for name in LEDGER.names} | dict(measured))
    return table.cast(pa.schema([LEDGER.field(f.name) if f.name in LEDGER.names else f for f in table.schema]))
