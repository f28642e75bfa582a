"""Synthetic documents against their peers, in CPU time: text to finished, labelled JPEG.

- Line images against TextRecognitionDataGenerator (`trdg` 1.8): English strings, 32 pixels high, Gaussian-noise background, random skew of up
  to 2 degrees and random blur there; ours at the same height with its own warps and wear on, polygons and JPEG included. trdg runs in its own
  virtual environment in the cache (it needs old Pillow, NumPy and OpenCV), built once, with the fonts and the defaults it brings.
- Documents against SynthDoG's English configuration: 720 to 1,024 pixels on the short side, aspect up to 2, natural backgrounds, each of its
  degradations in its own share. SynthDoG is no package: with `$SYNTHDOG` naming a checkout of its folder (`donut/synthdog`, with its
  resources), it is run beside ours, in its own environment; without, ours stands for itself against eight times the 0.48 documents a
  CPU-second that SynthDoG's configuration makes on a machine like this.

Ours draws from text written here and from the fonts of this machine. Start-up (imports, looking for fonts, loading them) is left out on all
sides by a first round that does not count.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.heuristics import photograph
from benchmarks.rows import Row, faster, in_turn
from ocr_synth.synthetic.backdrops import Backdrop, index
from ocr_synth.synthetic.corpus import Source
from ocr_synth.synthetic.fonts import Catalogue
from ocr_synth.synthetic.render import NotRenderedError, Renderer
from ocr_synth.synthetic.sampling import Degrade, Kinds, Page, Sampling, SingleLine, Warp
from sieveline.cache import cache_folder
from sieveline.shards.writer import TarWriter

TRDG = (
    "pillow<10",
    "numpy<2",
    "opencv-python<4.11",
    "requests",
    "tqdm",
    "beautifulsoup4",
    "wikipedia==1.4.0",
    "arabic-reshaper==2.1.3",
    "python-bidi==0.4.2",
)
SYNTHTIGER = ("synthtiger==1.2.1", "pillow<10", "numpy<1.24", "opencv-python<4.9", "blend-modes<2.2")
SYNTHDOG_RATE = 0.48  # documents a CPU-second of its English configuration, measured on a machine of this kind
NUM_LINES, NUM_DOCUMENTS, TURNS = 200, 40, 3
_ONLY = dict.fromkeys(("page", "table", "form", "receipt", "sign", "line", "vertical", "code"), 0.0)

LINES = Sampling(
    kinds=Kinds(**{f"{name}_weight": float(name == "line") for name in _ONLY}),
    line=SingleLine(size=(22, 22), characters=(20, 60), margin=(0.18, 0.18)),
    warp=Warp(flat_share=0.0, rotation=(0, 2)),
)
DOCUMENTS = Sampling(
    kinds=Kinds(**{f"{name}_weight": float(name == "page") for name in _ONLY}),
    page=Page(fill=(0.5, 1.0)),
    warp=Warp(flat_share=0.0, aspect=(1.0, 2.0), elastic_share=1.0, perspective=(0.0, 0.12)),
    degrade=Degrade(
        clean_share=0.0,
        light_share=1.0,
        shadow_share=1.0,
        motion_share=0.5,
        motion=(3, 5),
        blur_share=1.0,
        blur=(0.05, 1.5),
        noise_share=1.0,
        noise=(0, 8),
        quality=(50, 95),
    ),
    natural_share=1.0,
)
SENTENCES = (
    "The ferry left an hour late, and nobody on the quay had been told why.",
    "Seven of the forty boxes turned out to be empty when they were opened.",
    "From the old mill it is ten minutes on foot to the bridge over the river.",
    "She counted the lamps twice, wrote the number down and locked the door.",
    "A letter from Bergen, posted in March 1906, lay unread in the drawer.",
    "Prices rise by two per cent a year; wages, on the whole, do not.",
    "The committee meets on Tuesdays at half past six in the small hall.",
    "Rain is expected in the west by noon and everywhere else by evening.",
)

_TRDG_SCRIPT = """
import json, sys, time
from trdg.generators import GeneratorFromStrings
strings, number = json.loads(sys.argv[1]), int(sys.argv[2])
def run():
    pixels = 0
    made = GeneratorFromStrings(strings, count=number, size=32, skewing_angle=2, random_skew=True, blur=1, random_blur=True,
                                background_type=0)
    for image, _ in made:
        pixels += image.size[0] * image.size[1]
    return pixels / number
run()
seconds = []
for _ in range(3):
    start = time.process_time()
    pixels = run()
    seconds.append((time.process_time() - start) / number)
print(json.dumps([min(seconds), pixels]))
"""
_SYNTHDOG_SCRIPT = """
import json, sys, time, numpy as np, random
import synthtiger
config = synthtiger.read_config(sys.argv[1])
number = int(sys.argv[2])
random.seed(0); np.random.seed(0)
template = synthtiger.read_template("template.py", "SynthDoG", config)
template.init_save(sys.argv[3])
def run(start):
    pixels = 0
    for i in range(number):
        data = template.generate()
        template.save(sys.argv[3], data, start + i)
        pixels += data["image"].shape[0] * data["image"].shape[1]
    return pixels / number
template.save(sys.argv[3], template.generate(), 0)
start = time.process_time()
pixels = run(1)
print(json.dumps([(time.process_time() - start) / number, pixels]))
"""


def environment(name: str, packages: tuple[str, ...], *, bare: str = "") -> Path:
    """A virtual environment in the cache, built on first use; returns its Python.

    Args:
        packages: installed with what they need.
        bare: one more, installed without what it asks for.
    """
    home = cache_folder() / f"bench-{name}"
    if not (home / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        pip = [home / "bin" / "pip", "install", "--quiet"]
        subprocess.run([*pip, *packages], check=True)
        if bare:
            subprocess.run([*pip, "--no-deps", bare], check=True)
        (home / "complete").touch()
    return home / "bin" / "python"


def _answer(command: list[str], folder: str | None = None) -> list[float]:
    variables = os.environ | {"OMP_NUM_THREADS": "1", "SDL_VIDEODRIVER": "dummy"}
    variables.pop("PYTHONPATH", None)  # their environment is their own
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def renderer(sampling: Sampling, backdrops: tuple[Backdrop, ...] = ()) -> Renderer:
    source = Source("bench", "en", tuple(" ".join(SENTENCES[i:] + SENTENCES[:i]) for i in range(len(SENTENCES))))
    return Renderer(source, Catalogue(), backdrops, sampling, 0)


def many(make: Renderer, number: int) -> Callable[[], float]:
    """Makes documents 0 to `number`; returns pixels a document."""

    def run() -> float:
        pixels = 0
        for i in range(number):
            try:
                document = make.render(i)
            except NotRenderedError:
                continue  # a currency sign that a font lacks: seldom, and the time counts
            pixels += document.width * document.height
        return pixels / number

    return run


def rows() -> Iterator[Row]:
    lines = many(renderer(LINES), NUM_LINES)
    our_pixels = lines()
    python = environment("trdg-1.8", TRDG, bare="trdg==1.8.0")
    peer, their_pixels = _answer([str(python), "-c", _TRDG_SCRIPT, json.dumps(SENTENCES), str(NUM_LINES)])
    ours = in_turn({"ours": lines}, TURNS)["ours"] / NUM_LINES
    note = f"{our_pixels / 1e3:.0f} against {their_pixels / 1e3:.0f} kilopixels an image"
    yield faster("line images against trdg 1.8", 1e3 * ours, 1e3 * peer, "CPU-ms an image", at_least=5.0, note=note)
    with tempfile.TemporaryDirectory() as work:
        photographs = Path(work) / "photographs.tar"
        with photographs.open("wb") as file:
            tar = TarWriter(file)
            for seed in range(12):
                tar.add((f"{seed}.jpg", photograph(seed)))
            tar.close()
        documents = many(renderer(DOCUMENTS, index([str(photographs)])), NUM_DOCUMENTS)
        our_pixels = documents()
        ours = in_turn({"ours": documents}, TURNS)["ours"] / NUM_DOCUMENTS
    size = f"{our_pixels / 1e6:.2f} megapixels a document"
    checkout = os.environ.get("SYNTHDOG")
    if not checkout:
        least = 8 * SYNTHDOG_RATE
        note = f"{size}; SynthDoG not run: $SYNTHDOG names no checkout"
        yield Row(
            name="documents of SynthDoG's size and wear", ours=1 / ours, unit="documents a CPU-s", at_least=least, note=note
        )
        return
    python = environment("synthtiger-1.2", SYNTHTIGER)
    with tempfile.TemporaryDirectory() as work:
        started = time.monotonic()
        command = [str(python), "-c", _SYNTHDOG_SCRIPT, str(Path(checkout) / "config_en.yaml"), "15", work]
        peer, their_pixels = _answer(command, checkout)
        note = f"{size} against {their_pixels / 1e6:.2f}; {time.monotonic() - started:.0f} s"
    yield faster("documents against SynthDoG's English configuration", ours, peer, "CPU-s a document", at_least=8.0, note=note)
