"""The index of a training shard: one row per piece, what planning needs and where the bytes lie.

| column | type | meaning |
|---|---|---|
| sample_id | string | the sample's id, or its tar key where the JSON is unreadable |
| offset | int64 | of the sample's first tar header |
| length | int64 | bytes up to the next sample's first header |
| component | string | `line/source` |
| variant | int8 | 0 the sample as it lies, 1 with its original caption |
| piece | int16 | number of the piece, 0 unless the sample was too long |
| tokens | int32 | of the piece |
| patches | int32 | image patches of the piece; a pair of video frames counts once |
| patch_squares | int64 | sum of squared patches over its images, what attention in the vision tower costs |
| flaw | string | why the row cannot be trained on, else null |

Lengths are measured once, from text and image headers, and kept in a cache by the fingerprint of tokenizer and settings: planning is then
a pure function of tables, and a resumed or resized run plans the same batches. Measured: see docs/training.md.
"""

import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from braceexpand import braceexpand

from sieveline.errors import ConfigError, ShardError
from sieveline.fingerprint import fingerprint
from sieveline.lifetime import die_with_parent
from sieveline.training_sample import media_files, validate
from training.pictures import Flaw
from training.samples import Encoder

SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("component", pa.string()),
        ("variant", pa.int8()),
        ("piece", pa.int16()),
        ("tokens", pa.int32()),
        ("patches", pa.int32()),
        ("patch_squares", pa.int64()),
        ("flaw", pa.string()),
    ]
)


def find_shards(pattern: str) -> list[str]:
    """The shards a glob names, sorted; any fsspec URL, and braces as in a shell: `out/{image_text,gui}/shards/*.tar`.

    Raises:
        ConfigError: one of the patterns that the braces stand for matches no shard.
    """
    shards: set[str] = set()
    for single in braceexpand(pattern):
        fs, path = fsspec.core.url_to_fs(single)
        found = [p for p in fs.glob(path) if p.endswith(".tar")]
        if not found:
            raise ConfigError(f"no .tar shard matches {single}")
        shards |= {fs.unstrip_protocol(p).removeprefix("file://") for p in found}
    return sorted(shards)


def samples_of(url: str) -> Iterator[tuple[str, int, int, dict[str, bytes]]]:
    """(key, offset, length, {member name after the key: bytes}) of each sample of a shard, in order.

    Raises:
        ShardError: the tar cannot be read to its end.
    """
    try:
        with fsspec.open(url, "rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:  # type: ignore[arg-type]
            key, start, members = None, 0, {}
            for member in tar:
                if not member.isfile():
                    continue
                stem, _, name = member.name.partition(".")
                if stem != key:
                    if key is not None:
                        yield key, start, member.offset - start, members
                    key, start, members = stem, member.offset, {}
                members[name] = tar.extractfile(member).read()  # type: ignore[union-attr]
            if key is not None:
                yield key, start, tar.offset - start, members
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ShardError(url, f"cannot be read as a tar: {error}") from error


def members_of(data: bytes) -> dict[str, bytes]:
    """{member name after the key: bytes} of one sample's byte range."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        return {m.name.partition(".")[2]: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]


def read_sample(members: Mapping[str, bytes]) -> dict[str, Any]:
    """The sample's JSON, validated.

    Raises:
        Flaw: no JSON, JSON out of contract, or a media file that is not there.
    """
    try:
        sample = json.loads(members["json"])
        validate(sample)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise Flaw("json_invalid") from error
    if any(f not in members for f in media_files(sample)):
        raise Flaw("media_missing")
    return sample


def rows(encoder: Encoder, key: str, members: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """The index rows of one sample, without its place."""
    blank = {"sample_id": key, "component": None, "variant": 0, "piece": 0, "tokens": 0, "patches": 0, "patch_squares": 0}
    try:
        sample = read_sample(members)
        blank |= {"sample_id": sample["id"], "component": f"{sample['line']}/{sample['provenance'].get('source') or 'unknown'}"}
        sizes = encoder.sizes(sample, members)
        variants = [False, True] if _recaptioned(sample) else [False]
        found = [(v, i, p) for v in variants for i, p in enumerate(encoder.pieces(sample, sizes, original=v))]
    except Flaw as flaw:
        return [blank | {"flaw": str(flaw)}]
    return [
        blank | {"variant": int(variant), "piece": i, "flaw": piece}
        if isinstance(piece, str)
        else blank
        | {
            "variant": int(variant),
            "piece": i,
            "tokens": len(piece.ids),
            "patches": piece.patches,
            "patch_squares": sum(image.patches**2 for image in piece.images),
            "flaw": None,
        }
        for variant, i, piece in found
    ]


def _recaptioned(sample: Mapping[str, Any]) -> bool:
    original = sample["provenance"].get("original_caption")
    learnt = [p["text"] for p in sample["content"] if p["type"] == "text" and p["loss"]]
    return bool(original) and len(learnt) == 1 and learnt[0] != original


def measure(url: str, encoder: Encoder) -> pa.Table:
    """The index of one shard, measured. A shard damaged in the middle keeps the samples before the damage."""
    out: list[dict[str, Any]] = []
    try:
        for key, offset, length, members in samples_of(url):
            out += [row | {"offset": offset, "length": length} for row in rows(encoder, key, members)]
    except ShardError:  # what came before the damage is good; the rest is one flaw, named after the shard
        out.append({"sample_id": url, "variant": 0, "piece": 0, "flaw": "shard_damaged"})
    return pa.Table.from_pylist(out, schema=SCHEMA)


def cached(url: str, encoder: Encoder, cache: Path) -> Path:
    """The index file of one shard, measured unless the cache has it."""
    settings = (encoder.config, encoder.sequence_length, encoder.patch, encoder.merge, tokenizer_digest(encoder.folder))
    target = cache / f"{fingerprint('index-2', url, *_stamp(url), *settings)}.parquet"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{os.getpid()}")
        pq.write_table(measure(url, encoder), part)
        part.rename(target)
    return target


def identity(shards: Sequence[str]) -> str:
    """What tells this set of shards from any other, and from itself after one was written anew, as a short hex string."""
    return fingerprint(*((url, *_stamp(url)) for url in shards))


def _stamp(url: str) -> tuple[int, str]:
    """A file's size in bytes, and its ETag or the time of its last change."""
    fs, path = fsspec.core.url_to_fs(url)
    info = fs.info(path)
    return info["size"], str(info.get("ETag") or info.get("mtime") or info.get("created"))


def tokenizer_digest(folder: str) -> str:
    """What a tokenizer folder's tokens depend on, as a short hex string."""
    return fingerprint((Path(folder) / "tokenizer.json").read_text())


def build(
    shards: Sequence[str], encoder: Encoder, cache: Path, *, workers: int = 1, rank: int = 0, world: int = 1
) -> list[Path]:
    """The index files of all `shards`, in their order; this process measures every `world`-th and, with `workers` > 1, in processes.

    With `world` > 1 the caller puts a barrier behind a first call and calls again with `world=1`, which then finds the cache full
    where the file system is shared, and measures the rest where it is not.
    """
    mine = list(shards[rank::world])
    if workers > 1 and len(mine) > 1:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        with ProcessPoolExecutor(min(workers, len(mine)), get_context("spawn"), initializer=die_with_parent) as pool:
            return list(pool.map(cached, mine, [encoder] * len(mine), [cache] * len(mine)))
    return [cached(url, encoder, cache) for url in mine]
