"""Verdicts: what a stage's `decide` says of each row. Rules are asked one after the other; the first that speaks gives the reason.

`VERDICT`, row for row with the columns that were judged:

| column | type | meaning |
|---|---|---|
| reason | string | the `Reason` of the rule that spoke; null where none did |
| value | double | what that rule measured; null where it has no number |
| threshold | double | what it was held against; null where there is none |
"""

import numpy as np
import pyarrow as pa

from sieveline.reasons import Reason

VERDICT = pa.schema([("reason", pa.string()), ("value", pa.float64()), ("threshold", pa.float64())])
_NUMBERS = {reason: number for number, reason in enumerate(Reason)}
_NAMES = pa.array([reason.value for reason in Reason])


class Verdicts:
    """Collects the verdicts on `num_rows` rows; `where` of a later rule does not touch rows that already have a reason."""

    def __init__(self, num_rows: int):
        self._reason = np.full(num_rows, -1, np.int16)
        self._value = np.full(num_rows, np.nan)
        self._threshold = np.full(num_rows, np.nan)

    def rule(
        self,
        reason: Reason,
        where: np.ndarray,
        value: np.ndarray | None = None,
        threshold: float | np.ndarray | None = None,
    ) -> None:
        """`reason` for the rows where `where` (bool, shape (n,)) holds and no earlier rule spoke.

        Args:
            value: what was measured, shape (n,); NaN or None where the reason has no number.
            threshold: what it is held against, one number or shape (n,).
        """
        rows = where & (self._reason < 0)
        self._reason[rows] = _NUMBERS[reason]
        if value is not None:
            self._value[rows] = value[rows]
        if threshold is not None:
            self._threshold[rows] = threshold[rows] if isinstance(threshold, np.ndarray) else threshold

    def table(self) -> pa.Table:
        """The verdicts as a table of `VERDICT`."""
        spoken = pa.array(self._reason, mask=self._reason < 0)
        columns = [_NAMES.take(spoken), pa.array(self._value, from_pandas=True), pa.array(self._threshold, from_pandas=True)]
        return pa.table(columns, schema=VERDICT)
