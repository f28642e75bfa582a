"""Errors, named by what happens next. A bad sample is never an error: it is a ledger row with a reason."""


class SievelineError(Exception):
    """Base of every error Sieveline raises on purpose."""


class ConfigError(SievelineError):
    """What the user asked for cannot be done; raised before any work starts, in one line that says what to change."""


class ShardError(SievelineError):
    """This shard cannot be finished; the other shards go on and the run ends non-zero, naming it.

    Attributes:
        shard: the shard's id or URL.
    """

    def __init__(self, shard: str, message: str):
        super().__init__(shard, message)
        self.shard = shard
        self.message = message

    def __str__(self) -> str:
        return f"{self.shard}: {self.message}"


class RetryableError(SievelineError):
    """A passing fault (network, busy server); tried again with backoff, then it counts as a `ShardError`."""
