"""Videos to frames and time stamps, as GLM-4.1V takes them: two frames a second, in pairs, the second of the first of each pair as text.

Which frames, and the seconds beside them, come from the model's own `Glm4vVideoProcessor` over what the container says of itself (frames,
rate, size): the index decodes nothing. A video that holds fewer frames than its container claims, or others, is a flaw when it is decoded.

Decoding is OpenCV's FFmpeg, from memory. Only MP4/MOV, Matroska/WebM and AVI are opened: FFmpeg also reads playlists, which name other files.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from training.pictures import Flaw

_MOST_SIDE = 16_384
_MOST_PIXELS = 89_478_485  # of a frame; as with pictures, what claims more is a bomb


class Clip(NamedTuple):
    """A video as it is sampled.

    Attributes:
        width, height: of a frame, in pixels, upright.
        frames: numbers of the sampled frames, ascending; an even number of them, the last perhaps twice.
        seconds: of each pair of frames, cut to whole seconds.
    """

    width: int
    height: int
    frames: tuple[int, ...]
    seconds: tuple[int, ...]


def sample(data: bytes, fps: float, max_seconds: int) -> Clip:
    """The frames to take of a video, from its container's header.

    Args:
        fps: frames a second up to `max_seconds`; of a longer video, as many as that gives are taken evenly.

    Raises:
        Flaw: no video that is understood, or none with frames, rate and size.
    """
    import cv2
    from transformers.video_utils import VideoMetadata

    with _opened(data) as video:
        total, rate = video.get(cv2.CAP_PROP_FRAME_COUNT), video.get(cv2.CAP_PROP_FPS)
        width, height = int(video.get(cv2.CAP_PROP_FRAME_WIDTH)), int(video.get(cv2.CAP_PROP_FRAME_HEIGHT))
    if not (1 <= total < 1e9 and 0 < rate < 1e4) or math.isnan(rate):
        raise Flaw("video_undecodable")
    _check_size(width, height)
    metadata = VideoMetadata(total_num_frames=int(total), fps=float(rate), duration=float(int(total) / rate))
    frames = [int(i) for i in _processor(max_seconds).sample_frames(metadata, fps=fps)]
    return Clip(width, height, tuple(frames), tuple(int(i / rate) for i in frames[::2]))


def decode(data: bytes, clip: Clip) -> Iterator[np.ndarray]:
    """The frames of `clip`, uint8 (height, width, 3) RGB, one for each number in `clip.frames`.

    Raises:
        Flaw: a frame is not there, does not decode, or has another size than the header said.
    """
    import cv2

    with _opened(data) as video:
        at, rgb = -1, None
        for wanted in clip.frames:
            if wanted != at or rgb is None:
                while at < wanted:  # decoded one after another: seeking lands on the nearest key frame
                    if not video.grab():
                        raise Flaw("video_undecodable")
                    at += 1
                good, frame = video.retrieve()
                if not good or frame is None:
                    raise Flaw("video_undecodable")
                if frame.shape != (clip.height, clip.width, 3):
                    raise Flaw("video_size_changed")
                rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            yield rgb


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    import cv2

    if not (data[4:8] == b"ftyp" or data[:4] == b"\x1aE\xdf\xa3" or (data[:4] == b"RIFF" and data[8:12] == b"AVI ")):
        raise Flaw("video_undecodable")
    descriptor = os.memfd_create("video")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(data)
        video = cv2.VideoCapture(f"/proc/self/fd/{descriptor}", cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        try:
            if not video.isOpened():
                raise Flaw("video_undecodable")
            yield video
        finally:
            video.release()
    except cv2.error as error:
        raise Flaw("video_undecodable") from error
    finally:
        os.close(descriptor)


def _check_size(width: int, height: int) -> None:
    if not (0 < width <= _MOST_SIDE and 0 < height <= _MOST_SIDE and width * height <= _MOST_PIXELS):
        raise Flaw("video_undecodable")


@cache
def _processor(max_seconds: int) -> Any:
    from transformers import Glm4vVideoProcessor

    return Glm4vVideoProcessor(max_duration=max_seconds)
