"""Slices: the unit of a Dagster partition, a group of source shards with a name that never changes.

A manifest per slice (`OUT/slices/slice-00000.json`) says which shards it holds. Shards that appear later go to new slices, so a slice once
planned keeps its shards, its name and therefore its bytes. A registered shard is taken as unchanging: later runs need not see it.
"""

import json
from dataclasses import dataclass
from posixpath import commonpath, dirname

from sieveline import storage
from sieveline.errors import ConfigError

EXTENSIONS = (".tar", ".parquet")


@dataclass(frozen=True, slots=True)
class Shard:
    """One source shard.

    Attributes:
        id: its path below the input prefix without extension, `/` as `__`.
        url: where it lies.
        num_bytes: its size when it was registered.
    """

    id: str
    url: str
    num_bytes: int


@dataclass(frozen=True, slots=True)
class Slice:
    name: str
    shards: tuple[Shard, ...]


def find_shards(pattern: str) -> list[Shard]:
    """The shards that match `pattern` (a glob over any fsspec URL, or a folder), sorted by id.

    Raises:
        ConfigError: a match is neither .tar nor .parquet, or two shards would have one id.
    """
    fs, path = storage.filesystem(pattern)
    folder_prefix = path.rstrip("/")
    if fs.isdir(path):
        path = folder_prefix + "/*.tar"
        if not fs.glob(path):
            path = folder_prefix + "/*.parquet"
    prefix = commonpath([dirname(path.split("*", 1)[0] + "x"), dirname(path)]) if "*" in path else dirname(path)
    shards: dict[str, Shard] = {}
    found = fs.glob(path, detail=True)
    for name, info in sorted(found.items()):
        if info.get("type") == "directory":
            continue
        extension = next((e for e in EXTENSIONS if name.endswith(e)), None)
        if extension is None:
            raise ConfigError(f"--input {pattern}: {name} is neither {' nor '.join(EXTENSIONS)}; narrow the pattern")
        shard_id = name[len(prefix) :].strip("/").removesuffix(extension).replace("/", "__")
        if shard_id in shards:
            raise ConfigError(f"--input {pattern}: {name} and {shards[shard_id].url} would both be shard {shard_id!r}")
        shards[shard_id] = Shard(shard_id, fs.unstrip_protocol(name) if not storage.is_local(pattern) else name, info["size"])
    return [shards[i] for i in sorted(shards)]


def read_slices(output: str) -> list[Slice]:
    """The slices planned so far, by name."""
    slices = []
    for url in storage.listing(storage.join(output, "slices"), ".json"):
        manifest = json.loads(storage.read_bytes(url))
        slices.append(Slice(manifest["name"], tuple(Shard(**s) for s in manifest["shards"])))
    return slices


def plan_slices(output: str, found: list[Shard], shards_per_slice: int) -> list[Slice]:
    """Registers the shards of `found` that no slice holds yet, `shards_per_slice` at a time, and returns all slices.

    Raises:
        ConfigError: a shard id is registered already with another URL: another input was given for the same output.
    """
    slices = read_slices(output)
    known = {shard.id: shard.url for s in slices for shard in s.shards}
    for shard in found:
        if known.get(shard.id, shard.url) != shard.url:
            raise ConfigError(f"{output} was made from {known[shard.id]}; give {shard.url} another --output")
    new = [shard for shard in found if shard.id not in known]
    for start in range(0, len(new), shards_per_slice):
        s = Slice(f"slice-{len(slices):05d}", tuple(new[start : start + shards_per_slice]))
        manifest = {"name": s.name, "shards": [{"id": x.id, "url": x.url, "num_bytes": x.num_bytes} for x in s.shards]}
        storage.publish_bytes(storage.join(output, "slices", f"{s.name}.json"), json.dumps(manifest, indent=1).encode())
        slices.append(s)
    return slices
