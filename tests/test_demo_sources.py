from collections import Counter, defaultdict

import ftfy
import pytest
import xxhash
from PIL import Image

from demo.captions import LIGHT, heavy_mojibake, light
from demo.pictures import load
from demo.sources import BLANK, SOURCES, heads_items, items, pool_items
from sieveline.draws import generator


@pytest.fixture(scope="module")
def found():
    return items()


def test_every_source_gives_captioned_pictures_of_both_splits(found):
    counts = Counter((item.source, item.split) for item in found)
    assert counts.keys() == {(source, split) for source in SOURCES for split in ("pool", "heads")}
    pool = sum(n for (_, split), n in counts.items() if split == "pool")
    assert 0.62 < pool / len(found) < 0.78
    assert all(item.captions and all(item.captions.values()) for item in found)
    assert len({(item.source, item.item_id) for item in found}) == len(found)


def test_a_family_lies_in_one_split_and_the_pool_takes_one_of_it(found):
    splits = defaultdict(set)
    for item in found:
        splits[item.family].add(item.split)
    assert all(len(s) == 1 for s in splits.values())
    assert BLANK not in splits
    pool = pool_items()
    assert len({item.family for item in pool}) == len(pool)
    assert {item.split for item in pool} == {"pool"}


def test_the_split_is_the_one_the_committed_heads_were_trained_on(found):
    # a changed split would put pictures the heads have seen into the pool: train them anew, then write the new digest here
    pool = "\n".join(sorted(f"{item.source}/{item.item_id}" for item in found if item.split == "pool"))
    assert xxhash.xxh3_64_hexdigest(pool.encode()) == "93525908b03b4ffe"


def test_variants_of_one_emoji_are_one_family(found):
    family = {item.item_id: item.family for item in found if item.source == "emoji"}
    assert family["1f550"] == family["1f55b"]  # clock faces
    assert family["1f499"] == family["1f49a"]  # blue and green heart
    assert family["1f469-200d-1f373"] == family["1f468-200d-1f373"]  # cooks
    assert family["1f433"] != family["1f34c"]


def test_captions_are_the_sources_own(found):
    said = {item.item_id: item.captions for item in found}
    assert said["A009"]["en"] == "Quinoa (Chenopodium quinoa)"
    assert said["flags/malta.png"]["en"] == "Flag of Malta, capital Valletta"
    assert said["flags/malta.png"]["es"] == "Bandera de Malta, capital La Valeta"
    assert said["1f33e"]["en"] == "sheaf of rice: ear, grain, grains, plant"
    assert said["animals/birds/owl"]["en"] == "An owl (birds)"


def test_transparency_goes_onto_white(tmp_path):
    Image.new("RGBA", (4, 4), (10, 20, 30, 0)).save(tmp_path / "clear.png")
    assert load(tmp_path / "clear.png").getpixel((0, 0)) == (255, 255, 255)


def test_what_trains_the_heads_is_not_in_the_pool():
    heads, pool = heads_items(), pool_items()
    assert not {item.family for item in heads} & {item.family for item in pool}
    assert not {item.path for item in heads} & {item.path for item in pool}
    assert {item.split for item in heads} == {"heads"}
    assert len({item.source for item in heads}) == 9
    assert len(heads) > 5000


def test_light_noise_can_be_repaired_and_heavy_cannot():
    text = "Piña, café y año nuevo"
    seen = {}
    for n in range(200):
        noisy, name = light(text, generator(0, "light", n))
        seen[name] = noisy
    assert seen.keys() <= set(LIGHT)
    assert ftfy.fix_text(seen["mojibake"]) == text
    for n in range(20):
        assert "паутина" not in ftfy.fix_text(heavy_mojibake("паутина: сеть", generator(0, "heavy", n)))
