"""The loader: plans in, packed tensors out, decoded in worker processes in an order that does not depend on them.

torch's `DataLoader` does the processes, the shared memory and the order; its "indices" are whole pack plans. A sample that fails to decode
leaves its pack (the tokens behind it move up, the end is padding), so the plan, and with it every other sample, stays as it was.
"""

import logging
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import fsspec
import numpy as np

from sieveline.errors import SievelineError
from sieveline.lifetime import die_with_parent
from training.balance import Cost, Pack, assign
from training.buffers import Buffers
from training.index import members_of, read_sample
from training.mixture import Corpus, Ref
from training.pictures import Flaw, normalise
from training.plan import Batch, Planner
from training.recipes import Recipe
from training.samples import IGNORE, Encoder, Image, Piece

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)


class DataError(SievelineError):
    """More of the data is damaged than the recipe allows; the message names samples and reasons."""


@dataclass(frozen=True, slots=True)
class Packed:
    """One pack as tensors. L is the sequence length, S the samples, K the images, P the patches.

    Attributes:
        ids: int64 (L,).
        targets: int64 (L,), -100 where nothing is learnt.
        positions: int64 (4, L): row 0 restarts at 0 with each sample, rows 1-3 are mRoPE.
        boundaries: int32 (S + 1,), or (S + 2,) where padding makes the last segment; from 0 to L.
        patches: uint8 (P + Q, 588), not normalised: each patch, then the second frames of those that have one of their own; or, as
            `Loading.patches` says, (P, 1176) float32, normalised, both frames in one row.
        pairs: int64 (Q,): the patches that have a second frame of their own, those of videos.
        grids: int64 (K, 3), (1, height, width) in patches.
        tokens: tokens that are not padding.
        samples: ids, in the order of the segments.
        flaws: (sample id, shard, reason) of what failed to decode.
    """

    ids: "torch.Tensor"
    targets: "torch.Tensor"
    positions: "torch.Tensor"
    boundaries: "torch.Tensor"
    patches: "torch.Tensor"
    pairs: "torch.Tensor"
    grids: "torch.Tensor"
    tokens: int
    samples: list[str]
    flaws: list[tuple[str, str, str]]


class Decoder:
    """Reads, decodes and packs; a map-style dataset whose index is a pack."""

    def __init__(self, corpus: Corpus, encoder: Encoder, pad: int, kind: str = "uint8"):
        self.corpus, self.encoder, self.pad, self.kind = corpus, encoder, pad, kind
        self._files: dict[int, Any] = {}
        self.buffers = self._memory()

    def __getstate__(self) -> dict[str, Any]:
        corpus = Corpus.__new__(Corpus)
        corpus.shards, corpus.index = self.corpus.shards, self.corpus.index
        return self.__dict__ | {"corpus": corpus, "_files": {}, "buffers": self._memory()}

    def _memory(self) -> Buffers:
        """Each buffer holds the patches of a pack that is nothing but pictures."""
        patches = self.encoder.sequence_length * self.encoder.merge**2
        return Buffers(patches * 2 * 3 * self.encoder.patch**2 * (1 if self.kind == "uint8" else 4))

    def __setstate__(self, state: dict[str, Any]) -> None:
        from functools import lru_cache

        self.__dict__.update(state)
        self.corpus.rows = lru_cache(maxsize=64)(self.corpus._rows)

    def __getitem__(self, pack: Pack) -> Packed:
        import torch

        length = self.encoder.sequence_length
        ids, targets = np.full(length, self.pad, np.int64), np.full(length, IGNORE, np.int64)
        positions, boundaries, at = np.empty((4, length), np.int64), [0], 0
        grids, samples, flaws = [], [], []
        read = [(ref, self._read(ref)) for ref in pack]
        pixels = _Pixels(self, [piece for _, (piece, _) in read if isinstance(piece, Piece)])
        for ref, (piece, members) in read:
            try:
                if isinstance(piece, Flaw):
                    raise piece
                pixels.add(self.encoder.frames(members, piece.images))
            except Flaw as flaw:
                flaws.append((self._id(ref), self.corpus.shards[ref.shard], str(flaw)))
                continue
            end = at + len(piece.ids)
            ids[at:end], targets[at:end], positions[:, at:end] = piece.ids, piece.targets, self.encoder.positions(piece)
            grids += [(1, i.height, i.width) for i in piece.images]
            samples.append(self._id(ref))
            boundaries.append(end)
            at = end
        if at < length:
            positions[:, at:] = np.arange(length - at)
            boundaries.append(length)
        patches, pairs = pixels.tensors()
        return Packed(
            ids=torch.from_numpy(ids),
            targets=torch.from_numpy(targets),
            positions=torch.from_numpy(positions),
            boundaries=torch.tensor(boundaries, dtype=torch.int32),
            patches=patches,
            pairs=pairs,
            grids=torch.tensor(grids, dtype=torch.int64).reshape(-1, 3),
            tokens=at,
            samples=samples,
            flaws=flaws,
        )

    def _id(self, ref: Ref) -> str:
        return self.corpus.rows(ref.shard)["id"][ref.row]

    def _read(self, ref: Ref) -> tuple[Piece | Flaw, dict[str, bytes]]:
        """The piece and its media files; in its place a flaw where the bytes are not what the index measured."""
        import tarfile

        rows = self.corpus.rows(ref.shard)
        try:
            members = members_of(self._bytes(ref.shard, int(rows["offset"][ref.row]), int(rows["length"][ref.row])))
            sample = read_sample(members)
            if sample["id"] != rows["id"][ref.row]:
                raise Flaw("shard_changed")
            piece = self.encoder.pieces(sample, self.encoder.sizes(sample, members), original=bool(rows["variant"][ref.row]))[
                int(rows["piece"][ref.row])
            ]
            if isinstance(piece, str) or len(piece.ids) != ref.tokens:
                raise Flaw("shard_changed")
        except Flaw as flaw:
            return flaw, {}
        except (OSError, tarfile.TarError, EOFError):
            return Flaw("unreadable"), {}
        return piece, members

    def _bytes(self, shard: int, offset: int, length: int) -> bytes:
        if shard not in self._files:
            if len(self._files) >= 64:
                self._files.pop(next(iter(self._files))).close()
            # sequential read-ahead would be thrown away: the pieces of a window lie scattered over its shards
            fs, path = fsspec.core.url_to_fs(self.corpus.shards[shard])
            self._files[shard] = fs.open(path, "rb", cache_type="none")
        file = self._files[shard]
        file.seek(offset)
        return file.read(length)


class _Pixels:
    """The patches of a pack, in one piece of memory from the start."""

    def __init__(self, decoder: Decoder, pieces: list[Piece]):
        import torch

        self.num_patches, self.num_seconds = sum(p.patches for p in pieces), sum(p.second_frames for p in pieces)
        self.normalised = decoder.kind == "float32"
        width = 3 * decoder.encoder.patch**2
        shape = (self.num_patches, 2 * width) if self.normalised else (self.num_patches + self.num_seconds, width)
        self.memory = torch.from_numpy(decoder.buffers.take(shape, np.float32 if self.normalised else np.uint8))
        self.filled = self.seconds = 0
        self.pairs: list[np.ndarray] = []

    def add(self, images: Iterator[tuple[Image, list[np.ndarray]]]) -> None:
        """Takes the images of a sample, all or, where a flaw comes out of them, none."""
        import torch

        at, seconds, pairs = self.filled, self.seconds, []
        for image, frames in images:
            rows = self.memory[at : at + image.patches]
            if self.normalised:
                normalise(rows, *map(torch.from_numpy, frames))
            else:
                rows.copy_(torch.from_numpy(frames[0]))
                if len(frames) == 2:
                    first = self.num_patches + seconds
                    self.memory[first : first + image.patches].copy_(torch.from_numpy(frames[1]))
                    pairs.append(np.arange(at, at + image.patches))
                    seconds += image.patches
            at += image.patches
        self.filled, self.seconds = at, seconds
        self.pairs += pairs

    def tensors(self) -> "tuple[torch.Tensor, torch.Tensor]":
        """`Packed.patches` and `Packed.pairs`."""
        import torch

        pairs = torch.from_numpy(np.concatenate(self.pairs) if self.pairs else np.empty(0, np.int64))
        patches = self.memory[: self.filled]
        if self.seconds:
            ends = self.num_patches, self.num_patches + self.seconds
            whole = self.filled == self.num_patches
            patches = self.memory[: ends[1]] if whole else torch.cat([patches, self.memory[slice(*ends)]])
        return patches, pairs


class Loader:
    """Iterates over `(batch, packs)`: the plan of a global batch and this rank's packs of it, one per micro-step.

    Args:
        rank, ranks: among the data-parallel ranks. Processes of one tensor- or context-parallel group share a rank.
        state: of the batch to continue behind, `batch.state`.
    """

    def __init__(
        self,
        corpus: Corpus,
        recipe: Recipe,
        encoder: Encoder,
        cost: Cost,
        *,
        rank: int = 0,
        ranks: int = 1,
        state: dict[str, Any] | None = None,
        pin: bool = False,
    ):
        self.corpus, self.recipe, self.cost, self.rank, self.ranks = corpus, recipe, cost, rank, ranks
        self.planner = Planner(corpus, recipe, cost, state)
        pad = encoder.tokenizer.convert_tokens_to_ids("<|endoftext|>")
        self.decoder = Decoder(corpus, encoder, pad, recipe.loading.patches)
        self.pin = pin
        self.seen, self.flawed = corpus.num_samples, corpus.num_flawed
        self.flaws: dict[str, list[str]] = {reason: list(ids) for reason, ids in corpus.flaws.items()}
        self._check("the index")

    def __iter__(self) -> Iterator[tuple[Batch, list[list[Pack]], Iterator[Packed]]]:
        """Per global batch: its plan, its assignment `[micro-step][rank]`, and this rank's packs; take every pack before the next batch."""
        from torch.utils.data import DataLoader

        ahead: deque[tuple[Batch, list[list[Pack]]]] = deque()

        def plans() -> Iterator[Pack]:
            for batch in self.planner:
                steps = assign(batch.packs, self.ranks, self.cost)
                ahead.append((batch, steps))
                yield from (step[self.rank] for step in steps)

        config = self.recipe.loading
        loader = DataLoader(
            self.decoder,  # type: ignore[arg-type]
            sampler=plans(),  # type: ignore[arg-type]
            batch_size=None,
            num_workers=config.workers,
            prefetch_factor=config.prefetch if config.workers else None,
            multiprocessing_context=_server() if config.workers else None,
            worker_init_fn=partial(_prepare, dict(os.environ)) if config.workers else None,
            collate_fn=_same,
            pin_memory=self.pin,
        )
        packs = iter(loader)
        while True:
            ready = list(islice(packs, 1))
            if not ready:
                return
            batch, steps = ahead.popleft()
            yield batch, steps, self._counted(ready, packs, len(steps))

    def _counted(self, ready: list[Packed], rest: Iterator[Packed], count: int) -> Iterator[Packed]:
        """The packs of a batch, of which the first is `ready`. No pack is held once it is given out: its memory may be wanted."""
        for _ in range(count):
            pack = ready.pop() if ready else next(rest)
            self.seen += len(pack.samples)
            for sample, shard, reason in pack.flaws:
                log.warning("skipped sample %s of %s: %s", sample, shard, reason)
                self.flawed += 1
                self.flaws.setdefault(reason, []).append(sample)
            if pack.flaws:
                self._check("decoding")
            yield pack
            del pack

    def _check(self, where: str) -> None:
        config = self.recipe.loading
        if self.seen >= config.corrupt_grace and self.flawed > config.max_corrupt_share * self.seen:
            damage = {r: ids for r, ids in self.flaws.items() if r not in ("too_long", "no_loss")}
            named = "; ".join(
                f"{reason}: {', '.join(ids[:5])}{' ...' if len(ids) > 5 else ''}" for reason, ids in damage.items()
            )
            raise DataError(
                f"{self.flawed} of {self.seen} samples are damaged, more than the {config.max_corrupt_share:.2%} of "
                f"loading.max_corrupt_share (seen by {where}): {named}"
            )


def _server() -> Any:
    """Workers fork from one clean process that has the imports behind it: neither threads nor CUDA of the trainer are copied."""
    from multiprocessing import get_context

    context = get_context("forkserver")
    context.set_forkserver_preload(["training.decoding"])
    return context


def _prepare(environment: dict[str, str], _: int) -> None:
    """Called first in every worker: one thread each, no life beyond the trainer's, and its environment (credentials, endpoints), which the
    process the workers fork from took when it started."""
    import cv2
    import torch

    die_with_parent()
    os.environ.clear()
    os.environ.update(environment)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _same(pack: Any) -> Any:
    return pack
