"""A small output with ledgers of every stage over real tars, and captions that mean harm, for the tests of the report."""

import io
import json
import tarfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from sieveline import draws, ledger
from sieveline.output import Output
from sieveline.reasons import Reason
from sieveline.schema import sample_id
from sieveline.slices import find_shards, plan_slices
from sieveline.stages import heuristics
from sieveline.verdicts import Verdicts

CONFIG = heuristics.Heuristics(min_image_bytes=None, min_side=64, min_words=2, max_characters=100, languages=None)
SPANS = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("kind", pa.string()), ("state", pa.string())]))
_BULK = ("flaw", "probe_phash", "thumbnail", "sample_id")

HOSTILE = [
    "<script>window.ran = 1</script>",
    '"><img src=x onerror="window.ran = 1">',
    "<svg/onload=window.ran=1>",
    "javascript:window.ran=1",
    "</style><script>window.ran = 1</script>",
    "{{ 7 * 7 }} {% raw %}",
    "\u202egnp.elif \u2066 \u200f turned",
    "x" * 5_000,
    "word " * 1_000,
    "Z" + "\u0301" * 300,
    "\u0000\u0007\u001b[31m",
    "照片" * 1_000,
]
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]


def write_tars(folder: Path, captions: list[str], num_shards: int = 2) -> list[list[dict[str, Any]]]:
    """Tars of one picture per caption, every fifth of them no image at all; the rows that a reader would give, by shard."""
    folder.mkdir(parents=True)
    shards = []
    for number in range(num_shards):
        rows = []
        with tarfile.open(folder / f"{number:05d}.tar", "w") as tar:
            for i, caption in enumerate(captions[number::num_shards]):
                image = b"no image" if i % 5 == 4 else _picture(number, i)
                info = tarfile.TarInfo(f"{i:04d}.jpg")
                info.size = len(image)
                offset = tar.offset + 512
                tar.addfile(info, io.BytesIO(image))
                row = {"row": i, "key": f"{i:04d}", "offset": offset, "length": len(image), "caption": caption}
                rows.append(row | {"sample_id": sample_id(image, caption), "decodes": i % 5 != 4})
        shards.append(rows)
    return shards


def _picture(shard: int, number: int) -> bytes:
    colours = draws.generator(0, "picture", shard, number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(colours).resize((160, 120)).save(file, "JPEG")
    return file.getvalue()


def measured_columns(rows: list[dict[str, Any]], shard_id: str) -> pa.Table:
    """Identity and heuristics' measured columns: numbers drawn over ranges that every rule cuts through."""
    rng, n = draws.generator(0, "columns", shard_id), len(rows)
    decodes = np.array([r["decodes"] for r in rows])
    drawn = {
        "width": rng.integers(50, 500, n),
        "height": rng.integers(50, 500, n),
        "aspect": 1 + rng.gamma(2.0, 0.4, n),
        "colour_spread": rng.uniform(0, 255, n),
        "image_bytes": [r["length"] for r in rows],
        "caption_bytes": [len(r["caption"].encode()) for r in rows],
        "characters": rng.integers(10, 110, n),
        "words": rng.integers(0, 30, n),
        "language_confidence": rng.uniform(0, 1, n),
        "special_ratio": rng.beta(1, 9, n),
        "word_repetition": rng.beta(1, 9, n),
        "character_repetition": rng.beta(1, 9, n),
        "boilerplate": np.where(rng.random(n) < 0.7, 0, rng.random(n)),
        "mojibake": rng.poisson(0.1, n),
        "html_entities": rng.poisson(0.3, n),
    }
    of_pictures = {"width", "height", "aspect", "colour_spread"}
    columns: dict[str, Any] = {}
    for field in heuristics.MEASURED:
        if field.name in drawn:
            values = np.asarray(drawn[field.name])
            columns[field.name] = pa.array(values, mask=~decodes if field.name in of_pictures else None).cast(field.type)
        else:
            columns[field.name] = pa.nulls(n, field.type)
    columns |= {name: pa.array([r[name] for r in rows]) for name in ("sample_id", "caption")}
    columns["decode_error"] = pa.array([None if d else "not an image" for d in decodes], pa.string())
    columns["url"] = pa.array(["javascript:alert(1)"] * n)
    identity = {
        "source_shard": pa.array([shard_id] * n),
        "row": pa.array([r["row"] for r in rows], pa.int32()),
        "key": pa.array([r["key"] for r in rows]),
        "offset": pa.array([r["offset"] for r in rows], pa.int64()),
        "length": pa.array([r["length"] for r in rows], pa.int64()),
    }
    return pa.table(identity | columns)


def write_ledger(
    output: Output, stage: str, rows: pa.Table, verdicts: pa.Table, measured: dict[str, Any], **footer: Any
) -> pa.Table:
    """Publishes a stage's ledger of one shard and returns the rows it keeps."""
    kept = verdicts["reason"].is_null() if stage != "recaption" else pa.array([True] * rows.num_rows)
    table = ledger.assemble(rows, verdicts, kept, measured)
    shard_id = rows["source_shard"][0].as_py()
    ledger.write_table(output.ledger(stage, shard_id), table, {"stage": stage, **footer})
    output.add_cost(stage, shard_id, "fingerprint", 0.001 * rows.num_rows)
    return rows.filter(table["kept"])


def write_heuristics(
    output: Output, rows: list[dict[str, Any]], shard_id: str, config: heuristics.Heuristics = CONFIG
) -> pa.Table:
    table = measured_columns(rows, shard_id)
    columns = {n: table[n] for n in heuristics.MEASURED.names if n not in _BULK}
    return write_ledger(output, "heuristics", table, heuristics.decide(table, config), columns, damage=None)


def write_output(root: Path, captions: list[str], *, recipe: bool = True) -> Output:
    """An output whose six stages have run over two tars of `captions`."""
    output = Output(str(root / "out"))
    shards = write_tars(root / "pool", captions)
    plan_slices(output.root, find_shards(str(root / "pool")), 1)
    for number, rows in enumerate(shards):
        shard_id = f"{number:05d}"
        _later_stages(output, shard_id, write_heuristics(output, rows, shard_id))
    if recipe:
        config = {"heuristics": asdict(CONFIG), "alignment": {"min_score": 0.3}, "concepts": {"t": None, "tail_share": 0.3}}
        content = {"recipe": "tests:<b>recipe</b>", "fingerprint": "0123456789abcdef", "config": config}
        (root / "out" / "recipe.json").write_text(json.dumps(content))
    return output


def _later_stages(output: Output, shard_id: str, rows: pa.Table) -> None:
    rng = draws.generator(0, "later", shard_id)
    n, ids = rows.num_rows, rows["sample_id"].to_pylist()
    pairs = [ids[i - i % 3] for i in range(n)]  # clusters of three
    verdicts = Verdicts(n)
    verdicts.rule(Reason.NEAR_DUPLICATE, np.arange(n) % 3 == 2, np.full(n, 0.01), 0.07)
    columns = {
        "cluster_id": pa.array([min(ids[j] for j in range(n) if pairs[j] == p) for p in pairs]),
        "cluster_size": pa.array([pairs.count(p) for p in pairs], pa.int32()),
        "survivor_id": pa.array(pairs),
        "template_id": pa.array([min(ids)] * n),
        "template_size": pa.array([n] * n, pa.int32()),
    }
    rows = write_ledger(output, "duplicates", rows, verdicts.table(), columns)

    score = pa.array(np.round(rng.normal(0.4, 0.2, rows.num_rows), 4), pa.float32())
    verdicts, values = Verdicts(rows.num_rows), np.asarray(score).astype(float)
    verdicts.rule(Reason.LOW_ALIGNMENT, values < 0.3, values, 0.3)
    rows = write_ledger(output, "alignment", rows, verdicts.table(), {"score": score}, model="<i>tower</i>", weights="abcd")

    n = rows.num_rows
    concepts = [sorted({int(c) for c in rng.zipf(1.5, 3) if c < 1000}) for _ in range(n)]
    verdicts = Verdicts(n)
    verdicts.rule(Reason.BALANCED_OUT, np.arange(n) % 4 == 3, np.full(n, 0.4), np.full(n, 0.6))
    rows = write_ledger(output, "concepts", rows, verdicts.table(), {"concepts": pa.array(concepts, pa.list_(pa.int32()))})

    captions = rows["caption"].to_pylist()
    verdicts = Verdicts(rows.num_rows)
    new = np.arange(rows.num_rows) % 2
    verdicts.rule(Reason.UNSUPPORTED_FACT, new > 0, new.astype(float), 0.0)
    spans = [
        [
            {"start": 0, "end": 4, "kind": "<b>noun</b>", "state": "kept"},
            {"start": 2, "end": 90_000, "kind": "x", "state": "lost"},
        ]
    ]
    columns = {
        "accepted": verdicts.table()["reason"].is_null(),
        "caption": rows["caption"],
        "recaption": pa.array([f"A photo of {c}" for c in captions]),
        "num_unsupported": pa.array(new, pa.int32()),
        "fact_recall": pa.array(np.ones(rows.num_rows), pa.float32()),
        "caption_spans": pa.array(spans * rows.num_rows, SPANS),
        "recaption_spans": pa.array([None] * rows.num_rows, SPANS),
    }
    rows = write_ledger(output, "recaption", rows, verdicts.table(), columns)
    columns = {
        "caption_source": pa.array(["original"] * rows.num_rows),
        "training_shard": pa.array(["slice-00000-00000.tar"] * rows.num_rows),
    }
    write_ledger(output, "write", rows, Verdicts(rows.num_rows).table(), columns)
