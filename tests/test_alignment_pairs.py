"""What the heads are trained on: wordings, scenes, and which caption is true of which picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifiers.embedded_clip import readable
from demo.sources import Item
from models.alignment_pairs import features, of_items, of_scenes, variants
from models.composites import COLOURS, Composer, Scene, scenes
from sieveline.draws import generator


def item(folder: Path, name: str, source: str = "emoji") -> Item:
    """A disc of a colour of its own, cut out, or a photograph all over."""
    path = folder / f"{name}.png"
    rng = generator(0, "item", name)
    colour = (*(int(c) for c in rng.integers(0, 256, 3)), 255)
    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0) if source == "emoji" else colour)
    picture.paste(colour, (16, 16, 48, 48))
    picture.save(path)
    captions = {"en": f"{name}: round", "es": f"{name}o: redondo"} if source == "emoji" else {"en": f"{name} (Latin name)"}
    return Item(
        source=source,
        item_id=name,
        path=path,
        captions=captions,
        license="",
        family=f"{source}/{name}",
        split="heads",
        photo=False,
    )


@pytest.fixture(scope="module")
def items(tmp_path_factory) -> list[Item]:
    folder = tmp_path_factory.mktemp("items")
    return [item(folder, f"thing{i}") for i in range(8)] + [item(folder, "Rice", "ifct2017"), item(folder, "Tea", "ifct2017")]


def test_variants_say_the_same_or_a_part():
    for caption in ("sheaf of rice: ear, grain, plant", "Flag of Peru, capital Lima", "dog"):
        several = variants(caption, "a name")
        assert several[0] == caption
        assert len(several) == 5
        assert all(several)
        assert several == variants(caption, "a name")


def test_scenes_are_drawn_by_their_number_and_seed(items):
    assert scenes(items, 5, 1) == scenes(items, 20, 1)[:5]
    assert scenes(items, 5, 1) != scenes(items, 5, 2)


def test_a_caption_tells_only_of_what_its_scene_shows(items):
    for scene in scenes(items, 200, 1):
        assert scene.captions
        for text, language, tells in scene.captions:
            assert language in ("en", "es")
            assert tells <= scene.shows
            assert {i.family for i in scene.objects} <= tells
            said = readable(text).lower()  # light noise may have put in entities and spaces
            assert language == "es" or all(colour in said for colour in COLOURS if colour in tells)


def test_a_scene_shows_its_backdrop(items):
    scene = Scene(number=0, objects=(items[0],), backdrop="red", captions=())
    reds, blues = (
        Composer(1).picture(replace(scene, backdrop=colour))[:, :, [0, 2]].mean((0, 1)) for colour in ("red", "blue")
    )
    assert reds[0] > reds[1] + 50
    assert blues[1] > blues[0] + 50
    np.testing.assert_array_equal(Composer(1).picture(scene), Composer(1).picture(scene))


def test_features_come_in_the_order_of_the_examples_and_leave_out_what_does_not_decode(items, tmp_path, monkeypatch):
    monkeypatch.setenv("SIEVELINE_CACHE", str(tmp_path))
    broken = replace(items[1], path=tmp_path / "broken.png")
    broken.path.write_bytes(b"no picture")
    examples = of_items([items[0], broken, items[2]], ("en", "es"), views=2, vary=True) + of_scenes(scenes(items, 3, 1))
    pairs = features(examples)
    assert pairs.sources == ["emoji", "emoji", "composite", "composite", "composite"]
    assert pairs.first_view.tolist() == [0, 2, 4, 5, 6, 7]
    assert len(pairs.images) == 7
    assert pairs.first_text[-1] == len(pairs.texts) == len(pairs.captions)
    assert pairs.keys[:4] == [(0, "en"), (0, "es"), (1, "en"), (1, "es")]
    assert pairs.texts[pairs.first_text[2]].text == items[2].captions["en"]
    again = features(examples)  # from the cache
    np.testing.assert_array_equal(again.images, pairs.images)
    alone = features(examples[2:3])
    np.testing.assert_array_equal(alone.images, pairs.images[2:4])
