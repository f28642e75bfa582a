"""What the report shows of synthetic documents: pictures with their polygons beside text and questions, and what a reader made of them."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image, ImageDraw

from ocr_synth.synthetic.labels import Labels
from ocr_synth.synthetic.tasks import Tasks, turns
from ocr_synth.synthetic.truth import READABLE
from sieveline import draws, ledger, storage
from sieveline.output import Output, media_urls
from sieveline.report.exhibit import Exhibit, Figure
from sieveline.shards.source import read_images

DOCUMENTS, MISREAD, MAX_LEDGERS = 16, 6, 400
_LINE, _WORD = (220, 30, 30), (20, 150, 60)
_NEEDED = ["sample_id", "source_shard", "row", "kind", "language", "width", "height", "offset", "length", "kept",
           "labels_offset", "labels_length", "families", "contrast", "text_size", "effects", "caption"]  # fmt: skip


def exhibits(output: Output) -> Mapping[str, Sequence[Exhibit]]:
    """Stage name -> exhibits. Reads at most `MAX_LEDGERS` ledgers of a stage and a few pictures."""
    made = _tables(output, "render", _NEEDED)
    if made.num_rows == 0:
        return {}
    recipe = _recipe(output)
    found = {"render": [_by_language(made), _documents(output, made, recipe)]}
    checked = _tables(output, "truth", None)
    if checked.num_rows:
        checked = checked.filter(pc.fill_null(checked["checked"], False))
    if checked.num_rows:
        joined = checked.join(
            made.select(["sample_id", "kind", "language", "labels_offset", "labels_length", "caption"]), "sample_id"
        )
        found["truth"] = [_error_table(joined), _misread(output, joined)]
    return found


def _tables(output: Output, stage: str, columns: list[str] | None) -> pa.Table:
    tables = [ledger.read_table(url, columns) for url in output.ledgers(stage)[:MAX_LEDGERS]]
    return pa.concat_tables(tables) if tables else pa.table({})


def _recipe(output: Output) -> dict[str, Any]:
    url = storage.join(output.root, "recipe.json")
    return json.loads(storage.read_bytes(url))["config"] if storage.exists(url) else {}


def _by_language(made: pa.Table) -> Exhibit:
    rows = []
    counts = (
        made.group_by(["language"]).aggregate([("kept", "count"), ("kept", "sum"), ("caption", "count")]).sort_by("language")
    )
    for row in counts.to_pylist():
        own = made.filter(pc.equal(made["language"], row["language"]))
        kinds = pc.value_counts(own["kind"].drop_null()).to_pylist()
        written = ", ".join(f"{k['values']} {k['counts']}" for k in sorted(kinds, key=lambda k: -k["counts"]))
        mean = pc.mean(pc.utf8_length(own["caption"])).as_py() or 0
        families = len(pc.unique(pc.list_flatten(own["families"])))
        rows.append((str(row["language"]), str(row["kept_count"]), str(row["kept_sum"]), f"{mean:.0f}", str(families), written))
    header = ("language", "documents", "kept", "characters a document", "font families", "kinds")
    return Exhibit(title="By language", header=header, rows=rows)


def _documents(output: Output, made: pa.Table, recipe: dict[str, Any]) -> Exhibit:
    """Kept documents, as different in language and kind as there are."""
    kept = made.filter(made["kept"]).to_pylist()
    kept.sort(key=lambda row: draws.uniform(0, "exhibit", row["sample_id"]))
    seen: dict[str, set[str]] = {}
    order: list[tuple[int, dict[str, Any]]] = []
    for row in kept:  # one of each kind in each language; languages take turns
        kinds = seen.setdefault(row["language"], set())
        if row["kind"] not in kinds:
            order.append((len(kinds), row))
            kinds.add(row["kind"])
    chosen = [row for _, row in sorted(order, key=lambda pair: pair[0])][:DOCUMENTS]
    figures = []
    for row, picture, labels in _opened(output, chosen):
        asked = turns(
            labels, (row["width"], row["height"]), row["language"], _tasks(recipe), recipe.get("seed", 0), row["sample_id"]
        )
        texts = [("text", row["caption"]), *((f"{t.task}: {t.question}", t.answer) for t in asked)]
        note = f"{row['language']} {row['kind']}; {', '.join(row['families'])}; contrast {row['contrast']:.1f}; " + ", ".join(
            row["effects"] or ["plain"]
        )
        figures.append(Figure(picture=outlined(picture, labels), texts=texts, note=note, kept=True))
    lead = "Lines in red, words in green, as they are labelled; beside them the text and the questions that are written."
    return Exhibit(title="Documents and their labels", lead=lead, figures=figures, wide=True)


def _tasks(recipe: dict[str, Any]) -> Tasks:
    return Tasks(**recipe["tasks"]) if "tasks" in recipe else Tasks()


def _error_table(checked: pa.Table) -> Exhibit:
    rows = []
    for language in sorted(set(checked["language"].to_pylist())):
        own = checked.filter(pc.equal(checked["language"], language))
        errors, characters = pc.sum(own["truth_errors"]).as_py(), pc.sum(own["truth_characters"]).as_py()
        lines = pc.sum(own["missed_lines"]).as_py()
        told = "yes" if language in READABLE else "no: its script is not the reader's"
        rows.append(
            (language, str(own.num_rows), f"{characters:,}", f"{100 * errors / max(characters, 1):.2f} %", str(lines), told)
        )
    header = (
        "language",
        "documents read",
        "characters",
        "character error rate",
        "lines not found",
        "does the reader know the script",
    )
    lead = "Undegraded renders against their labels; spaces left out, compatibility forms made equal."
    return Exhibit(title="Error rate by language", lead=lead, header=header, rows=rows)


def _misread(output: Output, checked: pa.Table) -> Exhibit:
    """The worst read of the languages that the reader knows, and one of each other."""
    rows = sorted(checked.to_pylist(), key=lambda row: (-row["error_rate"], row["sample_id"]))
    known = [row for row in rows if row["language"] in READABLE][:MISREAD]
    others = {row["language"]: row for row in rows if row["language"] not in READABLE}
    figures = [
        Figure(
            picture=outlined(picture, labels),
            texts=[("label", row["caption"]), ("read, of the undegraded render", row["read_text"] or "")],
            note=f"{row['language']} {row['kind']}; error rate {row['error_rate']:.3f}",
            kept=row["kept"],
        )
        for row, picture, labels in _opened(output, [*known, *others.values()])
    ]
    lead = "As they are in the training data, with what was read of the same document undegraded."
    return Exhibit(title="Worst read, and scripts that the reader does not know", lead=lead, figures=figures, wide=True)


def _opened(output: Output, rows: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Image.Image, Labels]]:
    urls = media_urls(output, (row["source_shard"] for row in rows))
    for row in rows:
        url = urls.get(row["source_shard"])
        if url is None or not storage.exists(url):
            continue
        image, labels = read_images(url, [row["offset"], row["labels_offset"]], [row["length"], row["labels_length"]])
        yield row, Image.open(io.BytesIO(image)).convert("RGB"), Labels.from_plain(json.loads(labels))


def outlined(picture: Image.Image, labels: Labels) -> Image.Image:
    """A copy with the polygons of words and lines drawn in."""
    shown = picture.copy()
    pen = ImageDraw.Draw(shown)
    for line in labels.lines:
        for word in line.words:
            pen.polygon([tuple(p) for p in word.polygon], outline=_WORD)
        pen.polygon([tuple(p) for p in line.polygon], outline=_LINE)
    return shown
