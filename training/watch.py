"""Watching a run: metrics file, TensorBoard, one progress line, and the guards.

`metrics.jsonl` has one row a step (written by the first process, cut back to the checkpoint on resume):

| field | unit | meaning |
|---|---|---|
| step | | 1 first |
| loss | nats | mean over the learnt tokens of the global batch |
| balance_loss | | mixture-of-experts balance loss, 0 without experts |
| expert_load | | largest over mean load of the worst layer, 1 without experts |
| gradient_norm | | before clipping |
| rate | | learning rate |
| tokens | | tokens of the global batch that are not padding |
| learnt | | of them, the tokens with a loss |
| samples | | in the global batch |
| fill | share | tokens over the batch's capacity |
| imbalance | ratio | largest over mean planned cost of the ranks, summed over micro-steps |
| seconds | s | the step, waiting included |
| tokens_per_second | 1/s | tokens over seconds |
| data_wait | share | of the step's time spent waiting for the loader |
| mfu | share | model FLOPs over `watch.peak_flops`, null where that is not set |
| digest | | hash of the batch's sample ids in order |
"""

import json
import math
import os
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sieveline.errors import SievelineError
from training.recipes import Watch

FIELDS = (
    "step", "loss", "balance_loss", "expert_load", "gradient_norm", "rate", "tokens", "learnt", "samples", "fill", "imbalance",
    "seconds", "tokens_per_second", "data_wait", "mfu", "digest",
)  # fmt: skip


class Diverged(SievelineError):
    """Loss or gradient is not a number; the message and `guards.jsonl` name the samples of the batch."""


class Guards:
    """Looks at every step's loss and gradient norm; `guards.jsonl` gets a row with all sample ids for each alarm."""

    def __init__(self, config: Watch, folder: Path):
        self.config, self.file = config, folder / "guards.jsonl"
        self.recent: deque[float] = deque(maxlen=config.spike_window)

    def state(self) -> list[float]:
        return list(self.recent)

    def check(self, row: dict[str, Any], samples: Callable[[], list[str]], *, write: bool) -> str | None:
        """The alarm this step raised, or None.

        Args:
            samples: gives the ids of the global batch; asked only on an alarm.
            write: whether this process writes the file.

        Raises:
            Diverged: loss or gradient norm is not finite. The optimizer has not stepped.
        """
        loss, alarm = row["loss"], None
        if not (math.isfinite(loss) and math.isfinite(row["gradient_norm"])):
            alarm = "not_finite"
        elif self.config.spike_factor is not None and len(self.recent) >= min(10, self.config.spike_window):
            mean = sum(self.recent) / len(self.recent)
            if loss > self.config.spike_factor * mean:
                alarm = "loss_spike"
        if alarm is not None:
            ids = samples()
            if write:
                with self.file.open("a") as file:
                    file.write(json.dumps({"alarm": alarm, "step": row["step"], "loss": str(loss), "samples": ids}) + "\n")
            if alarm == "not_finite":
                raise Diverged(
                    f"step {row['step']}: loss {loss}, gradient norm {row['gradient_norm']}; the batch held {len(ids)} samples, "
                    f"{', '.join(ids[:5])} ... (all in {self.file})"
                )
        self.recent.append(loss)
        return alarm


class Report:
    """Writes metrics, TensorBoard and the progress line. Only the first process makes one.

    Args:
        after: rows behind this step are cut from an earlier run's metrics.
        progress: called with every row, e.g. to report to an orchestrator.
    """

    def __init__(
        self, config: Watch, folder: Path, *, after: int, steps: int, progress: Callable[[dict[str, Any]], None] | None
    ):
        from torch.utils.tensorboard import SummaryWriter

        self.config, self.steps, self.progress = config, steps, progress
        path = folder / "metrics.jsonl"
        kept = [line for line in path.read_text().splitlines() if json.loads(line)["step"] <= after] if path.exists() else []
        part = path.with_name(f"metrics.jsonl.{os.getpid()}")
        part.write_text("".join(line + "\n" for line in kept))
        part.rename(path)
        self.file = path.open("a")
        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=after + 1)

    def row(self, row: dict[str, Any]) -> None:
        """Takes the metrics of one step."""
        assert tuple(row) == FIELDS, row.keys()
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()
        for name, value in row.items():
            if isinstance(value, (int, float)) and name != "step":
                self.board.add_scalar(name, value, row["step"])
        if row["step"] % self.config.log_every == 0 or row["step"] == self.steps:
            mfu = "" if row["mfu"] is None else f"  mfu {row['mfu']:.1%}"
            print(
                f"step {row['step']}/{self.steps}  loss {row['loss']:.4f}  {row['tokens_per_second']:,.0f} tokens/s  "
                f"fill {row['fill']:.3f}  data wait {row['data_wait']:.1%}{mfu}",
                file=sys.stderr,
                flush=True,
            )
        if self.progress is not None:
            self.progress(row)

    def close(self) -> None:
        self.file.close()
        self.board.close()
