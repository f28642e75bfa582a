"""Progress bars for the steps of a line, fed by the messages its workers send."""

import sys

from tqdm import tqdm


class StepBars:
    """One bar per step, in the line's unit, with a rate and an ETA; samples of a shard not known yet are estimated by bytes."""

    def __init__(self, unit: str = "pair") -> None:
        self._unit = f" {unit}s"
        self._bar: tqdm | None = None
        self._step = ""
        self._total_bytes = self._bytes = self._shards = self._total_shards = 0
        self._total_pairs = 0

    def __call__(self, message: dict) -> None:
        """Takes a message of `pipelines.engine.report_progress`."""
        if message["step"] != self._step or "total_shards" in message:  # a step may run twice: shards, then their ledger
            self.close()
            self._step = message["step"]
            self._bytes = self._shards = 0
            self._total_bytes, self._total_shards = message.get("total_bytes", 0), message.get("total_shards", 0)
            self._total_pairs = message.get("total_pairs", 0)
            self._bar = tqdm(
                desc=f"{self._step:<19}",
                unit=self._unit,
                total=self._total_pairs or None,
                file=sys.stderr,
                dynamic_ncols=True,
                mininterval=0.5 if sys.stderr.isatty() else 10,
                bar_format="{desc} {percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt}{unit} [{elapsed}<{remaining}, {rate_fmt}] {postfix}",
            )
        assert self._bar is not None
        self._bytes += message.get("num_bytes", 0)
        self._shards += message.get("shards", 0)
        self._bar.update(message.get("pairs", 0))
        if not self._total_pairs and self._bytes and self._bar.n:
            self._bar.total = round(self._bar.n * max(self._total_bytes / self._bytes, 1))
        self._bar.set_postfix_str(f"{self._shards}/{self._total_shards} shards", refresh=False)

    def close(self) -> None:
        if self._bar is not None:
            if self._bar.n:
                self._bar.total = self._bar.n
            self._bar.close()
            self._bar = None
