"""Evidence that an image shows what a caption says: the text in it, read by PaddleOCR, and labels some other model gave
it.

Reading costs .1 CPU-seconds on a picture without text and .7 on one with five lines, so the verifier asks only for
candidates with a number or name that nothing else supports.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from classifiers.text_reader import TextReader, open_picture
from recaption.generator import Request


@dataclass(frozen=True, kw_only=True, slots=True)
class OcrConfig:
    """Reading text in images.

    Attributes:
        cache: folder for the models' layout; None is `$SIEVELINE_CACHE`, else `~/.cache/sieveline`.
        max_side: pixels; larger images are shrunk, which bounds time and memory (960 would take 100 MB a worker more).
        min_score: least recognition score of a line, in [0, 1].
        threads: of onnxruntime.
    """

    cache: Path | None = None
    max_side: int = 736
    min_score: float = 0.6
    threads: int = 1


class OcrEvidence:
    """`recaption.verify.Evidence` from the text in the image; an undecodable image shows nothing."""

    name = "ocr"

    def __init__(self, config: OcrConfig | None = None):
        self.config = config or OcrConfig()

    def texts(self, requests: Sequence[Request]) -> list[list[str]]:
        return [self.read(request.image()) for request in requests]

    def read(self, image: bytes) -> list[str]:
        """The lines of text in an image file that are read with `min_score` or better, in the engine's order."""
        picture = open_picture(image, self.config.max_side)
        if picture is None:
            return []
        return [line.text for line in self._reader.read(picture.rgb) if line.score >= self.config.min_score]

    @cached_property
    def _reader(self) -> TextReader:
        config = self.config
        # few pictures are asked for, beside the other models of a worker: memory is dearer than time
        return TextReader(detect_side=config.max_side, threads=config.threads, keeps_memory=False, cache=config.cache)


class LabelEvidence:
    """Evidence from labels that are already there: tags or detected objects by sample id.

    Args:
        labels: sample id -> labels in words, e.g. `["dog", "two cups"]`; ids without labels have none.
        name: for the report.
    """

    def __init__(self, labels: Mapping[str, Sequence[str]], name: str = "labels"):
        self._labels, self.name = labels, name

    def texts(self, requests: Sequence[Request]) -> list[list[str]]:
        return [list(self._labels.get(r.sample_id, ())) for r in requests]
