"""A training sample as tokens, targets, positions and image patches.

    [gMASK] <sop>  text  <|begin_of_image|> <|image|> x n <|end_of_image|>  text  <|endoftext|>

A video is `<|begin_of_video|>`, then each pair of its frames as an image with the second it was taken at behind it as text, then
`<|end_of_video|>`: so the model's processor has it, and to all that follows a pair is an image with two frames instead of one seen twice.

Targets are shifted already (`targets[t]` is the token after `t`) and -100 where there is no loss, so a pack can be cut anywhere
between devices. Images keep their native resolution: sides go to multiples of 28 by the model's own `smart_resize` (pictures.py).

Too long for the sequence: lines in `Tokens.split_lines` are cut into pieces, between tokens or images but never inside an image, each
piece starting anew at position 0; samples of other lines are dropped. A piece without a token to learn is dropped too. All are counted.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from training import pictures, videos
from training import tokenizer as special
from training.pictures import Flaw
from training.recipes import Tokens
from training.videos import Clip

IGNORE = -100


class Image(NamedTuple):
    """An image's place in a piece: its file and its grid of 14-pixel patches; of a video, one pair of frames.

    Attributes:
        clip: of a video, the frames that are taken of it.
        pair: number of the pair in its clip.
    """

    file: str
    height: int
    width: int
    clip: Clip | None = None
    pair: int = 0

    @property
    def patches(self) -> int:
        return self.height * self.width


@dataclass(frozen=True, slots=True)
class Piece:
    """A sample, or one part of a sample that was too long.

    Attributes:
        ids: int32 (n,), token ids.
        targets: int64 (n,), the next token where it is learnt, else -100.
        images: in order of appearance, the pairs of a video one after another.
    """

    ids: np.ndarray
    targets: np.ndarray
    images: tuple[Image, ...]

    @property
    def patches(self) -> int:
        return sum(i.patches for i in self.images)

    @property
    def second_frames(self) -> int:
        """Patches that have a second frame of their own."""
        return sum(i.patches for i in self.images if i.clip is not None)


class _Unit(NamedTuple):
    ids: np.ndarray  # int32
    loss: bool
    images: tuple[Image, ...] = ()  # with images, the unit is never cut


@dataclass(frozen=True)
class Encoder:
    """Turns samples into pieces, and image bytes into patches. Picklable: worker processes load the tokenizer themselves.

    Args:
        folder: of the tokenizer.
        config: the recipe's `Tokens`.
        sequence_length: the most tokens a piece may have.
        patch: side of a patch in pixels.
        merge: patches per side that make one token.
    """

    folder: str
    config: Tokens
    sequence_length: int
    patch: int = 14
    merge: int = 2

    def __getstate__(self) -> dict[str, Any]:
        return {k: self.__dict__[k] for k in ("folder", "config", "sequence_length", "patch", "merge")}

    @cached_property
    def tokenizer(self) -> Any:
        """transformers' tokenizer of the folder."""
        return special.load(Path(self.folder))

    @cached_property
    def _core(self) -> Any:
        """The Rust tokenizer alone (workers need no more, and start faster), deaf to special tokens in text."""
        from tokenizers import Tokenizer

        core = Tokenizer.from_file(str(Path(self.folder) / "tokenizer.json"))
        core.encode_special_tokens = True
        core.no_padding()
        core.no_truncation()
        return core

    @cached_property
    def _ids(self) -> dict[str, int]:
        found = {t: self._core.token_to_id(t) for t in special.SPECIAL}
        return {t: i for t, i in found.items() if i is not None}

    @cached_property
    def _control(self) -> re.Pattern[str]:
        return re.compile("(" + "|".join(re.escape(t) for t in special.CONTROL if t in self._ids) + ")")

    def text(self, text: str, *, control: bool) -> np.ndarray:
        """int32 (n,): token ids of `text`; box, think and role tokens are recognised only where `control` is set."""
        if not control:
            return np.array(self._core.encode(text, add_special_tokens=False).ids, np.int32)
        ids: list[int] = []
        for i, part in enumerate(self._control.split(text)):
            if i % 2:
                ids.append(self._ids[part])
            elif part:
                ids += self._core.encode(part, add_special_tokens=False).ids
        return np.array(ids, np.int32)

    def grid(self, width: int, height: int, frames: int | None = None) -> tuple[int, int]:
        """Patches down and across after the model's own resize, of a still (which counts as two frames) or of a video of so many frames.

        Raises:
            Flaw: an aspect ratio the model refuses (above 200), or no pixels.
        """
        from transformers.models.glm4v.image_processing_glm4v import smart_resize

        config = self.config
        most = config.max_pixels if frames is None else config.max_video_pixels
        if width < 1 or height < 1:
            raise Flaw("image_empty")
        try:
            h, w = smart_resize(frames or 2, height, width, 2, self.patch * self.merge, config.min_pixels, most)
        except ValueError as error:
            raise Flaw("image_aspect") from error
        return h // self.patch, w // self.patch

    def sizes(self, sample: Mapping[str, Any], members: Mapping[str, bytes]) -> dict[str, tuple[int, int] | Clip]:
        """What `pieces` needs to know of each media file: (width, height) of an image, the frames to take of a video.

        Raises:
            Flaw: a file without a header that is understood.
        """
        found: dict[str, tuple[int, int] | Clip] = {}
        for part in sample["content"]:
            if part["type"] == "image":
                found[part["file"]] = pictures.image_size(members[part["file"]])
            elif part["type"] == "video":
                found[part["file"]] = videos.sample(members[part["file"]], self.config.video_fps, self.config.max_video_seconds)
        return found

    def pieces(
        self, sample: Mapping[str, Any], sizes: Mapping[str, tuple[int, int] | Clip], *, original: bool = False
    ) -> list[Piece | str]:
        """The pieces of a sample, with the reason (`too_long`, `no_loss`) in the place of each that is dropped.

        Args:
            sample: as `sieveline.training_sample` has it.
            sizes: as `Encoder.sizes` has them.
            original: learn `provenance.original_caption` in the place of the sample's learnt text.

        Raises:
            Flaw: an image with an impossible shape.
        """
        units = self._units(sample, sizes, original)
        start = np.array([self._ids[special.MASK], self._ids[special.START]], np.int32)
        end = np.array([self._ids[special.END]], np.int32)
        units.append(_Unit(end, loss=units[-1].loss if units else False))
        length = len(start) + sum(len(u.ids) for u in units)
        if length <= self.sequence_length:
            return [self._piece(start, units)]
        if sample["line"] not in self.config.split_lines:
            return ["too_long"]
        return [self._piece(start, part) if part else "too_long" for part in self._split(units, len(start))]

    def _units(self, sample: Mapping[str, Any], sizes: Mapping[str, tuple[int, int] | Clip], original: bool) -> list[_Unit]:
        control = sample["line"] in self.config.control_lines
        caption = sample["provenance"].get("original_caption") if original else None
        units: list[_Unit] = []
        for part in sample["content"]:
            if part["type"] == "text":
                text = caption if caption is not None and part["loss"] else part["text"]
                units.append(_Unit(self.text(text, control=control), part["loss"]))
                continue
            size = sizes[part["file"]]
            if isinstance(size, Clip):
                units.append(self._video(part["file"], size))
            else:
                image = Image(part["file"], *self.grid(*size))
                units.append(_Unit(self._image_ids(image), loss=False, images=(image,)))
        return units

    def _image_ids(self, image: Image) -> np.ndarray:
        ids = np.full(image.patches // self.merge**2 + 2, self._ids[special.IMAGE], np.int32)
        ids[0], ids[-1] = self._ids[special.IMAGE_START], self._ids[special.IMAGE_END]
        return ids

    def _video(self, file: str, clip: Clip) -> _Unit:
        grid = self.grid(clip.width, clip.height, len(clip.frames))
        images = tuple(Image(file, *grid, clip, pair) for pair in range(len(clip.seconds)))
        ids = [np.array([self._ids[special.VIDEO_START]], np.int32)]
        for image, second in zip(images, clip.seconds, strict=True):
            ids += [self._image_ids(image), self.text(str(second), control=False)]
        ids.append(np.array([self._ids[special.VIDEO_END]], np.int32))
        return _Unit(np.concatenate(ids), loss=False, images=images)

    def _split(self, units: Sequence[_Unit], taken: int) -> list[list[_Unit]]:
        """Cuts units into parts that fit; an image or video too large for any part becomes an empty part."""
        room = self.sequence_length - taken
        parts: list[list[_Unit]] = []
        part: list[_Unit] = []
        left = room
        for unit in units:
            if unit.images:
                if len(unit.ids) > room:
                    parts.append([])
                    continue
                if len(unit.ids) > left:
                    parts.append(part)
                    part, left = [], room
                part.append(unit)
                left -= len(unit.ids)
                continue
            ids = unit.ids
            while len(ids):
                if not left:
                    parts.append(part)
                    part, left = [], room
                part.append(_Unit(ids[:left], unit.loss))
                ids, left = ids[left:], left - len(part[-1].ids)
        return [*parts, part] if part else parts

    def _piece(self, start: np.ndarray, units: Sequence[_Unit]) -> Piece | str:
        parts = [start, *(u.ids for u in units)]
        ids = np.concatenate(parts)
        learnt = np.repeat([False, *(u.loss for u in units)], [len(part) for part in parts])
        targets = np.full(len(ids), IGNORE, np.int64)
        targets[:-1][learnt[1:]] = ids[1:][learnt[1:]]
        if not learnt.any():
            return "no_loss"
        return Piece(ids, targets, tuple(image for u in units for image in u.images))

    def positions(self, piece: Piece) -> np.ndarray:
        """int32 (4, n): row 0 counts tokens, rows 1-3 are the mRoPE positions in time, height and width, all from 0.

        The same as `Glm4vModel.get_rope_index` gives for the piece alone (a test compares them).
        """
        n = len(piece.ids)
        out = np.empty((4, n), np.int32)
        out[0] = np.arange(n)
        at, position = 0, 0
        starts = np.flatnonzero(piece.ids == self._ids[special.IMAGE_START]) + 1
        for image, first in zip(piece.images, starts, strict=True):
            out[1:, at:first] = np.arange(position, position + first - at)
            position += first - at
            h, w = image.height // self.merge, image.width // self.merge
            out[1, first : first + h * w] = position
            out[2, first : first + h * w] = position + np.repeat(np.arange(h), w)
            out[3, first : first + h * w] = position + np.tile(np.arange(w), h)
            at, position = first + h * w, position + max(h, w)
        out[1:, at:] = np.arange(position, position + n - at)
        return out

    def patches(self, data: bytes, image: Image) -> np.ndarray:
        """uint8 (patches, 3 * patch * patch): a still decoded, resized and cut as the model's processor does.

        Raises:
            Flaw: the bytes do not decode, or to another size than the header said.
        """
        pixels = pictures.decode(data)
        if self.grid(pixels.shape[1], pixels.shape[0]) != (image.height, image.width):
            raise Flaw("image_size_changed")
        pixels = pictures.resize(pixels, image.height * self.patch, image.width * self.patch)
        return pictures.cut(pixels, self.patch, self.merge)

    def frames(self, members: Mapping[str, bytes], images: Sequence[Image]) -> Iterator[tuple[Image, list[np.ndarray]]]:
        """Each image of a piece with its frame, or its two frames, as `patches` has them.

        Raises:
            Flaw: the bytes do not decode, or to another size than the header said.
        """
        clip: Iterator[np.ndarray] = iter(())
        for image in images:
            if image.clip is None:
                yield image, [self.patches(members[image.file], image)]
                continue
            if image.pair == 0:
                clip = videos.decode(members[image.file], image.clip)
            both = [pictures.resize(next(clip), image.height * self.patch, image.width * self.patch) for _ in range(2)]
            yield image, [pictures.cut(frame, self.patch, self.merge) for frame in both]
