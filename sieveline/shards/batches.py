"""Gathers samples into record batches of bounded rows and bytes."""

from collections.abc import Iterator

import pyarrow as pa

from sieveline.schema import SAMPLES

MAX_ROWS = 256
MAX_BYTES = 64 << 20


class BatchBuilder:
    """Collects rows of `schema.SAMPLES`; `full` batches are taken off with `take`."""

    def __init__(self) -> None:
        self._rows: list[dict] = []
        self._num_bytes = 0

    def add(self, **row: object) -> None:
        self._rows.append(row)
        image = row.get("image")
        self._num_bytes += len(image) if isinstance(image, (bytes, memoryview)) else 0

    @property
    def full(self) -> bool:
        return len(self._rows) >= MAX_ROWS or self._num_bytes >= MAX_BYTES

    def take(self) -> Iterator[pa.RecordBatch]:
        """Yields the rows gathered so far as one batch, if there are any, and starts anew."""
        if self._rows:
            columns = [pa.array([r.get(f.name) for r in self._rows], f.type) for f in SAMPLES]
            self._rows, self._num_bytes = [], 0
            yield pa.record_batch(columns, schema=SAMPLES)
