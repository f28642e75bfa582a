"""Measures how far a picture looks written on: samples in, the columns of `ocr_synth.stages.text_density.MEASURED` out."""

from pathlib import Path

import pyarrow as pa

from classifiers.text_density import MODEL, text_map
from ocr_synth.stages.text_density import MEASURED, Measuring
from sieveline.schema import sample_id

_CAPTION_CHARACTERS = 2_000


def measure(samples: pa.RecordBatch, config: Measuring) -> pa.RecordBatch:
    """A batch of `MEASURED`, row for row with `samples` (of `sieveline.schema.SAMPLES`); no row depends on another."""
    model = model_file(config)
    columns: dict[str, list] = {name: [] for name in ("sample_id", "decodes", "text_peak", "text_share", "caption")}
    for scalar, caption in zip(samples["image"], samples["caption"].to_pylist(), strict=True):
        image = scalar.as_py()  # one at a time: a batch of them twice would double the memory
        found = None if image is None else text_map(image, model)
        columns["sample_id"].append(sample_id(image or b"", caption or ""))
        columns["decodes"].append(None if image is None else found is not None)
        columns["text_peak"].append(None if found is None else round(float(found.max()), 4))
        columns["text_share"].append(None if found is None else round(float((found > 0.5).mean()), 4))
        columns["caption"].append(None if caption is None else caption[:_CAPTION_CHARACTERS])
    given = {name: samples[name] for name in ("flaw", "url", "license")}
    return pa.record_batch({name: (columns | given)[name] for name in MEASURED.names}, schema=MEASURED)


def model_file(config: Measuring) -> Path:
    """The ONNX file that `config` names."""
    return MODEL if config.model == "embedded" else Path(config.model)
