"""The heuristics stage against its peers, in CPU time per one-megapixel JPEG.

Ours is `measure` and `decide` with every measure on: format, size, strict decode, spread, perceptual hash with probes and thumbnail,
content hash, sample id, all caption measures. The peers:

- Pillow + imagehash: `Image.open`, `imagehash.phash`, spread on a 32 x 32 resize; the same caption measures and rules as ours.
- the same with Pillow's `draft` (libjpeg's shrink on load), which imagehash's users have to know about; no target.
- bare simplejpeg: `decode_jpeg` to grey at 1/8 size and nothing else, the limit of this way.
- Data-Juicer 1.6 through its own command line with fused operators, in its own virtual environment in the cache (built
  once: about 1.5 GB, because its perceptual hash imports torch), from a folder of files for both.
  Two sizes are run and the slope taken, so that its start-up does not count.

Pictures are synthetic but as hard to decode as photographs: 1/f noise, shapes with sharp edges, sensor noise, 4:2:0, 150-250 KB.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import imagehash
import numpy as np
import pyarrow as pa
import simplejpeg
import xxhash
from PIL import Image

from benchmarks.rows import Row, faster, in_turn, spent
from classifiers.caption_quality import measure_caption
from classifiers.heuristics import measure
from sieveline.cache import cache_folder
from sieveline.draws import generator
from sieveline.schema import SAMPLES, sample_id
from sieveline.stages.heuristics import Heuristics, decide

WIDTH, HEIGHT = 1152, 864
NUM_IMAGES = 48
TURNS = 5
UNIT = "CPU-ms an image"
REPEATS = 4  # the pictures are more than the processor's caches hold: seeing one again costs the same
DATA_JUICER_SIZES = (40, 160)
DATA_JUICER = ("py-data-juicer==1.6.*", "imagededup==0.3.*", "torch==2.14.1", "torchvision==0.29.1", "aiohttp", "av")

CAPTIONS = (
    "A red fox sleeping in the snow beside a birch tree",
    "The old harbour of Bergen with its wooden houses at dusk",
    "Bowl of lentil soup with bread and a slice of lemon",
    "IMG_2034.JPG",
    "Two children fly a kite on a wide beach near Hunstanton, Norfolk, England",
    "Flag of Papua New Guinea",
    "Red leather shoes - buy red leather shoes online at the best price | free shipping",
    "Steam locomotive number 41 018 crossing the Schiefe Ebene in Upper Franconia",
    "Blick auf die Straße vor dem Bahnhof in München",
    "红色的汽车停在街上",
    "Portrait of a woman in a blue hat, oil on canvas, 1887",
    "Una pera verde y dos manzanas sobre la mesa de la cocina",
)


def photograph(seed: int) -> bytes:
    """One JPEG of about a megapixel: natural spectrum, sharp edges, sensor noise, quality 85, 4:2:0."""
    draw = generator(seed, "bench-photograph")
    frequency = np.hypot(np.fft.fftfreq(HEIGHT)[:, None], np.fft.rfftfreq(WIDTH)[None])
    frequency[0, 0] = np.inf  # no mean
    spectrum = draw.standard_normal((4, *frequency.shape)) + 1j * draw.standard_normal((4, *frequency.shape))
    fields = np.fft.irfft2(spectrum / frequency**1.3, (HEIGHT, WIDTH))
    fields /= fields.std(axis=(1, 2), keepdims=True)
    picture = 128 + 45 * (0.85 * fields[0] + 0.3 * fields[1:]).transpose(1, 2, 0)
    picture = np.ascontiguousarray(picture.clip(0, 255).astype(np.uint8))
    for _ in range(8):
        centre = (int(draw.integers(WIDTH)), int(draw.integers(HEIGHT)))
        colour = tuple(int(v) for v in draw.integers(0, 255, 3))
        cv2.circle(picture, centre, int(draw.integers(20, 200)), colour, -1, cv2.LINE_AA)
    noisy = picture + draw.normal(0, 3, picture.shape)
    return simplejpeg.encode_jpeg(noisy.clip(0, 255).astype(np.uint8), 85, "RGB", "420")


def samples(images: list[bytes]) -> pa.RecordBatch:
    """The images with captions in turn, as the readers give them."""
    num = len(images)
    columns = {
        "row": range(num),
        "key": [f"{i:06}" for i in range(num)],
        "offset": range(num),
        "length": [len(i) for i in images],
        "image": images,
        "caption": [CAPTIONS[i % len(CAPTIONS)] for i in range(num)],
        "url": [None] * num,
        "license": [None] * num,
        "flaw": [None] * num,
    }
    return pa.record_batch([pa.array(columns[f.name], f.type) for f in SAMPLES], schema=SAMPLES)


def ours(batch: pa.RecordBatch) -> None:
    config = Heuristics()
    decide(measure(batch, config.measuring), config)


def pillow(images: list[bytes], *, draft: bool) -> None:
    """The plain way: one sample at a time, the same verdicts, one perceptual hash and no probes."""
    config = Heuristics()
    rows = []
    for i, image in enumerate(images):
        caption = CAPTIONS[i % len(CAPTIONS)]
        picture = Image.open(io.BytesIO(image))
        width, height = picture.size
        if draft:
            picture.draft("RGB", (64, 64))
        cells = np.asarray(picture.convert("RGB").resize((32, 32)), np.float32)[4:-4, 4:-4].reshape(-1, 3)
        spread = float(np.ptp(np.percentile(cells, (1, 99), axis=0), axis=0).max())
        text = measure_caption(caption)
        speaks = (
            min(width, height) < config.min_side,
            max(width, height) / min(width, height) > config.max_aspect,
            len(image) < config.min_image_bytes,
            spread < config.min_colour_spread,
            text.characters < config.min_characters or text.words < config.min_words,
            text.boilerplate > config.max_boilerplate,
            text.special_ratio > config.max_special_ratio,
            text.word_repetition > config.max_word_repetition,
            text.mojibake > config.max_mojibake,
            text.language not in config.languages,
        )
        rows.append(
            {
                "sample_id": sample_id(image, caption),
                "image_hash": xxhash.xxh3_128_digest(image),
                "phash": str(imagehash.phash(picture)),
                "reason": next((i for i, spoke in enumerate(speaks) if spoke), None),
                "width": width,
                "height": height,
                "spread": spread,
            }
        )
    pa.Table.from_pylist(rows)


def bare(images: list[bytes]) -> None:
    for image in images:
        simplejpeg.decode_jpeg(image, "GRAY", fastdct=True, fastupsample=True, min_height=64, min_width=64)


def data_juicer_environment() -> Path:
    """Data-Juicer's own virtual environment in the cache, built on first use; returns its `bin`."""
    cache = cache_folder()
    home = cache / "bench-data-juicer-1.6"
    done = home / "complete"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", *DATA_JUICER], check=True)
        done.touch()
    return home / "bin"


def data_juicer(folder: Path, binaries: Path, num: int) -> float:
    """CPU-seconds (user + system, children included) of one Data-Juicer run over the first `num` files of `folder`."""
    with tempfile.TemporaryDirectory() as work:
        lines = [{"text": CAPTIONS[i % len(CAPTIONS)], "images": [str(folder / f"{i}.jpg")]} for i in range(num)]
        (Path(work) / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        config = {
            "project_name": "bench",
            "dataset_path": f"{work}/data.jsonl",
            "export_path": f"{work}/out/data.jsonl",
            "np": 1,
            "op_fusion": True,
            "use_cache": False,
            "process": [
                {"image_shape_filter": {"min_width": 200, "min_height": 200}},
                {"image_aspect_ratio_filter": {"min_ratio": 1 / 3, "max_ratio": 3.0}},
                {"image_size_filter": {"min_size": "5 KB"}},
                # the text thresholds let everything through: a dropped sample would spare the peer its image
                {"text_length_filter": {"min_len": 1}},
                {"words_num_filter": {"lang": "en", "tokenization": False, "min_num": 0}},
                {"special_characters_filter": {"max_ratio": 1.0}},
                {"character_repetition_filter": {"rep_len": 10, "max_ratio": 1.0}},
                {"image_deduplicator": {"method": "phash"}},
            ],
        }
        (Path(work) / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
        environment = {**os.environ, "HF_HOME": f"{work}/hf", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        command = [binaries / "dj-process", "--config", f"{work}/config.yaml"]
        done, seconds = spent(
            lambda: subprocess.run(command, env=environment, cwd=work, capture_output=True, text=True, check=False)
        )
        if done.returncode or not Path(config["export_path"]).exists():
            raise RuntimeError(f"Data-Juicer failed:\n{done.stderr[-2000:]}")
    return seconds


def rows() -> Iterator[Row]:
    images = [photograph(seed) for seed in range(NUM_IMAGES)] * REPEATS
    batch = samples(images)
    runs = {
        "ours": lambda: ours(batch),
        "pillow": lambda: pillow(images, draft=False),
        "pillow draft": lambda: pillow(images, draft=True),
        "bare": lambda: bare(images),
    }
    least = {name: 1e3 * seconds / len(images) for name, seconds in in_turn(runs, TURNS).items()}
    yield faster("heuristics against Pillow + imagehash", least["ours"], least["pillow"], UNIT, at_least=2.5)
    yield faster("heuristics against Pillow with draft + imagehash", least["ours"], least["pillow draft"], UNIT)
    yield faster("heuristics against bare simplejpeg shrunk decode", least["ours"], least["bare"], UNIT, at_least=0.8)


def data_juicer_rows() -> Iterator[Row]:
    images = [photograph(seed) for seed in range(NUM_IMAGES)]
    binaries = data_juicer_environment()
    few, many = DATA_JUICER_SIZES
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        files = [folder / f"{i}.jpg" for i in range(many)]
        for i, file in enumerate(files):
            file.write_bytes(images[i % len(images)] + i.to_bytes(4, "little"))  # bytes after the end of a JPEG are ignored
        mine = in_turn({"ours": lambda: ours(samples([file.read_bytes() for file in files]))}, TURNS)["ours"]
        seconds = [data_juicer(folder, binaries, num) for num in DATA_JUICER_SIZES]
    peer = 1e3 * (seconds[1] - seconds[0]) / (many - few)
    yield faster("heuristics against Data-Juicer 1.6", 1e3 * mine / many, peer, UNIT, at_least=6.0, note="start-up left out")
