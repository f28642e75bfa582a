"""The training loop: one optimizer step per global batch, every learnt token weighing the same whatever the packs and ranks.

The loss of a step is the sum of token losses over the global batch divided by its learnt tokens, counted over all ranks before the first
backward pass; so accumulation over micro-steps, and any number of ranks, equals one large batch. State is a checkpoint and the
planner's few numbers; there is no randomness behind the recipe's seed, so a resumed run repeats the killed one bit for bit.
"""

import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from sieveline.cache import cache_folder
from sieveline.errors import ConfigError
from sieveline.fingerprint import fingerprint
from training.balance import imbalance
from training.plan import Batch
from training.recipes import Recipe
from training.watch import FIELDS


@dataclass(frozen=True, slots=True)
class Result:
    """What a run ended with.

    Attributes:
        steps: steps the model has seen in all.
        metrics: the last step's row (see watch.py); None where no step was left to do.
        run: the run's folder.
        flaws: `{reason: number of samples}` that were skipped.
    """

    steps: int
    metrics: dict[str, Any] | None
    run: Path
    flaws: dict[str, int]


@dataclass(frozen=True, slots=True)
class Sums:
    """What a global batch came to over all ranks: learnt tokens, tokens, samples, mean loss, balance loss; and this rank's wait in s."""

    learnt: int
    tokens: int
    samples: int
    loss: float
    balance: float
    wait: float


def rate(recipe: Recipe, step: int) -> float:
    """The learning rate of a step (1 first): linear warm-up to the peak, cosine to `final_rate_share` of it."""
    config = recipe.optimizer
    if step <= config.warmup_steps:
        return config.peak_rate * step / config.warmup_steps
    done = min(1.0, (step - config.warmup_steps) / max(1, recipe.steps - config.warmup_steps))
    share = config.final_rate_share + (1 - config.final_rate_share) * (1 + math.cos(math.pi * done)) / 2
    return config.peak_rate * share


def train(
    shards: str,
    recipe: Recipe,
    run: Path,
    *,
    steps: int | None = None,
    resume: bool = False,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> Result:
    """Trains the recipe's model on the shards a glob names.

    Args:
        shards: glob of training shards, any fsspec URL.
        run: folder of the run: `tokenizer/ checkpoints/ metrics.jsonl guards.jsonl tensorboard/ recipe.json` and, at
            the end, `export/`, a folder `from_pretrained` loads.
        steps: stop after so many steps in all; the schedule stays the recipe's. None runs the recipe to its end.
        resume: go on from the run's newest checkpoint; with none, start anew.
        progress: called by the first process with the metrics of every step.

    Raises:
        ConfigError: recipe, shards and run do not go together; nothing was started.
        DataError: too many damaged samples.
        Diverged: loss or gradient is not finite.
    """
    from training import parallel

    parallel.check(recipe)
    world = parallel.start(recipe.parallel)
    trainer = Trainer(shards, recipe, run, world, resume=resume, progress=progress)
    try:
        result = trainer.run(recipe.steps if steps is None else min(steps, recipe.steps))
        trainer.export(run / "export")
        return result
    finally:
        trainer.close()


class Trainer:
    """One process of a run, set up and ready to step."""

    def __init__(
        self,
        shards: str,
        recipe: Recipe,
        run: Path,
        world: Any,
        *,
        resume: bool = False,
        progress: Callable[[dict[str, Any]], None] | None = None,
    ):
        import torch

        from training import checkpoints, flops, moe, parallel
        from training.attention import choose
        from training.loader import Loader
        from training.model import PackedModel, build
        from training.watch import Guards

        self.recipe, self.folder, self.world, self.progress = recipe, run, world, progress
        found = checkpoints.all_of(run / "checkpoints")
        if found and not resume:
            raise ConfigError(f"{run} holds checkpoints of an earlier run: resume it, or name another folder")
        self.corpus, self.encoder = prepare(shards, recipe, run, world)
        tokenizer = self.encoder.tokenizer
        self.cost = flops.cost(recipe, flops.active_parameters(recipe, len(tokenizer)))
        way = choose(recipe.parallel.attention, world.device.type)
        whole = PackedModel(build(recipe, tokenizer), way, world.context) if world.first else None
        with torch.device("meta"):
            self.model = PackedModel(build(recipe, tokenizer), way, world.context)
        self.routers = moe.Routers(self.model, recipe.experts, world.tokens, world.context)
        parallel.distribute(self.model, world, recipe)
        parallel.fill_in(self.model, whole, world)
        del whole
        self.optimizer = torch.optim.AdamW(
            _groups(self.model, recipe), lr=0.0, betas=recipe.optimizer.betas, eps=recipe.optimizer.epsilon
        )
        self.step, state = 0, None
        self.guards = Guards(recipe.watch, run)
        if found:
            trainer = checkpoints.load(found[-1], self.model, self.optimizer)
            if trainer["data"] != self._data():
                raise ConfigError(
                    f"{found[-1]} was made with other shards, tokens, mixture, packing or seed: its order cannot go on"
                )
            self.step, state = trainer["step"], trainer["planner"]
            self.guards.recent.extend(trainer["recent_losses"])
        self.loader = Loader(
            self.corpus,
            recipe,
            self.encoder,
            self.cost,
            rank=world.data_rank,
            ranks=world.data_ranks,
            state=state,
            pin=world.device.type == "cuda",
        )
        self._state = state
        self.report: Any = None

    def _data(self) -> str:
        """Fingerprint of everything the order of samples depends on."""
        r = self.recipe
        config = (r.sequence_length, r.global_batch, r.tokens, r.mixture, r.packing, r.seed, dataclasses.astuple(self.cost))
        return fingerprint([p.name for p in self.corpus.index], *config)

    def run(self, steps: int) -> Result:
        """Steps until `steps` are done in all, or the mixture's epochs are."""
        from training.watch import Report

        if self.world.first:
            self.report = Report(self.recipe.watch, self.folder, after=self.step, steps=steps, progress=self.progress)
        row = None
        if self.step < steps:
            waited = time.perf_counter()
            for batch, plan, packs in self.loader:
                row = self._step(batch, plan, packs, waited)
                if self.step % self.recipe.watch.checkpoint_every == 0 or self.step == steps:
                    self.save()
                waited = time.perf_counter()
                if self.step == steps:
                    break
            else:
                self.save()
        flaws = {reason: len(ids) for reason, ids in self.loader.flaws.items()}
        return Result(self.step, row, self.folder, flaws | self.corpus.flaw_counts)

    def backward(self, plan: list[list[Any]], packs: Iterator[Any]) -> "Sums":
        """Gradients of one global batch, left in the parameters: the mean over its learnt tokens, on any number of ranks."""
        import torch
        from torch import distributed as dist

        world = self.world
        mine, wait = [], 0.0
        for _ in plan:
            start = time.perf_counter()
            mine.append(next(packs))
            wait += time.perf_counter() - start
        counts = torch.tensor(
            [sum(int((p.targets >= 0).sum()) for p in mine), sum(p.tokens for p in mine), sum(len(p.samples) for p in mine)],
            dtype=torch.float64,
            device=world.device,
        )
        # processes of one context group hold the same packs, so the sum counts each of them `context` times
        dist.all_reduce(counts, group=world.tokens)
        learnt, tokens, samples = (int(c) // self.recipe.parallel.context for c in counts.tolist())
        total = torch.zeros(2, dtype=torch.float64, device=world.device)
        for number, pack in enumerate(mine):
            self.model.set_requires_all_reduce(number == len(mine) - 1)  # type: ignore[operator]
            total += self._micro_step(pack, learnt, tokens)
        dist.all_reduce(total, group=world.tokens)
        return Sums(learnt, tokens, samples, float(total[0]), float(total[1]), wait)

    def _step(self, batch: Batch, plan: list[list[Any]], packs: Iterator[Any], began: float) -> dict[str, Any]:
        from training import parallel

        world, recipe = self.world, self.recipe
        wait = time.perf_counter() - began  # the loader gives a batch when its first pack is ready
        sums = self.backward(plan, packs)
        norm = parallel.clip(self.model, recipe.optimizer.clip_norm)
        row = {"step": batch.step, "loss": sums.loss, "gradient_norm": norm}
        self.guards.check(row, lambda: self._sample_ids(batch), write=world.first)
        lr = rate(recipe, batch.step)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        load = max(self.routers.update(), default=1.0)
        self.step, self._state = batch.step, batch.state
        seconds = time.perf_counter() - began
        work = sum(self.cost(p) for p in batch.packs)
        peak = recipe.watch.peak_flops if world.device.type == "cuda" else None
        row |= {
            "balance_loss": sums.balance,
            "expert_load": load,
            "rate": lr,
            "tokens": sums.tokens,
            "learnt": sums.learnt,
            "samples": sums.samples,
            "fill": sums.tokens / (len(batch.packs) * recipe.sequence_length),
            "imbalance": imbalance(plan, self.cost),
            "seconds": seconds,
            "tokens_per_second": sums.tokens / seconds,
            "data_wait": (wait + sums.wait) / seconds,
            "mfu": work / seconds / (peak * world.size) if peak else None,
            "digest": xxhash.xxh3_64_hexdigest("\n".join(self._sample_ids(batch)).encode()),
        }
        if self.report is not None:
            self.report.row({f: row[f] for f in FIELDS})
        return row

    def _micro_step(self, pack: Any, learnt: int, tokens: int) -> Any:
        """Forward and backward of one pack; (token loss, balance loss) as this process's share of the batch's means."""
        import torch

        world = self.world
        pack = to_device(pack, world.device)
        first, last = self.model._slice(len(pack.ids))
        with self.routers.watching(_segments(pack)[first:last]) as losses:
            loss = self.model(pack) / max(1, learnt)
        balance = self.routers.loss(losses) / max(1, tokens)
        # FSDP averages over the ranks that see different tokens, the loss is a sum over them; a balance loss is whole on every
        # rank of a context group, where only that rank's own tokens give it a gradient
        (loss * world.token_ranks + balance * world.token_ranks).backward()
        context = self.recipe.parallel.context
        return torch.stack([loss.detach().double(), torch.as_tensor(balance).detach().double().to(loss.device) / context])

    def _sample_ids(self, batch: Any) -> list[str]:
        """Sample ids of a global batch in canonical order."""
        return [self.corpus.rows(ref.shard)["id"][ref.row] for pack in batch.packs for ref in pack]

    def save(self) -> Path:
        """Writes a checkpoint of this moment."""
        from training import checkpoints

        trainer = {"step": self.step, "planner": self._state, "recent_losses": self.guards.state(), "data": self._data()}
        folder, keep = self.folder / "checkpoints", self.recipe.watch.keep_checkpoints
        return checkpoints.save(folder, self.step, self.model, self.optimizer, trainer, keep=keep)

    def export(self, folder: Path) -> Path:
        """Writes the weights of this moment as a Hugging Face folder."""
        from training.export import export

        return export(self.model, self.recipe, self.folder / "tokenizer", folder)

    def close(self) -> None:
        """Closes files; the process group stays, it may be the caller's."""
        if self.report is not None:
            self.report.close()


def prepare(shards: str, recipe: Recipe, run: Path, world: Any) -> tuple[Any, Any]:
    """The corpus and the encoder: shards found, tokenizer ready in `run/tokenizer`, every shard indexed.

    Raises:
        ConfigError: no shards, or none usable.
    """
    from torch import distributed as dist

    from training import index, tokenizer
    from training.mixture import Corpus
    from training.samples import Encoder

    found = index.find_shards(shards)
    cache = Path(recipe.loading.index_cache or cache_folder() / "training-index").expanduser()
    folder = run / "tokenizer"
    if world.first:
        run.mkdir(parents=True, exist_ok=True)
        (run / "recipe.json").write_text(json.dumps(dataclasses.asdict(recipe), indent=1))
        if not (folder / "tokenizer.json").exists():
            tokenizer.load(tokenizer.prepare(recipe.tokens, found, cache / "tokenizers")).save_pretrained(folder)
    dist.barrier()
    encoder = Encoder(str(folder), recipe.tokens, recipe.sequence_length, recipe.model.vision.get("patch_size", 14))
    workers = max(1, recipe.loading.workers)
    index.build(found, encoder, cache, workers=workers, rank=world.rank, world=world.size)
    dist.barrier()
    return Corpus(found, index.build(found, encoder, cache, workers=workers)), encoder


def to_device(pack: Any, device: Any) -> Any:
    """The pack with its tensors on `device`."""
    if device.type == "cpu":
        return pack
    moved = {
        f.name: getattr(pack, f.name).to(device, non_blocking=True)
        for f in dataclasses.fields(pack)
        if hasattr(getattr(pack, f.name), "to")
    }
    return dataclasses.replace(pack, **moved)


def _segments(pack: Any) -> Any:
    """int64 (L,): the sample each token belongs to, -1 for padding."""
    import torch

    lengths = (pack.boundaries[1:] - pack.boundaries[:-1]).long()
    segments = torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths)
    segments[pack.tokens :] = -1
    return segments


def _groups(model: Any, recipe: Recipe) -> list[dict[str, Any]]:
    matrices = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": recipe.optimizer.weight_decay}, {"params": rest, "weight_decay": 0.0}]
