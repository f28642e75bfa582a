"""What looks like a picture that is kept apart is left out of the further training pictures, and so is what shows nothing."""

from dataclasses import replace

import numpy as np
from PIL import Image

from demo.further_sources import unlike
from demo.sources import Item
from sieveline.draws import generator


def _item(folder, name: str, picture: Image.Image) -> Item:
    picture.save(folder / f"{name}.png")
    return Item(
        source="made",
        item_id=name,
        path=folder / f"{name}.png",
        captions={"en": name},
        license="none",
        family=f"made/{name}",
        split="heads",
        photo=False,
    )


def _blobs(seed: int) -> Image.Image:
    small = generator(seed, "blobs").integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((160, 160), Image.Resampling.BICUBIC)


def test_what_looks_like_a_picture_kept_apart_is_left_out(tmp_path):
    apart = [_item(tmp_path, f"apart{i}", _blobs(i)) for i in range(3)]
    again = _item(tmp_path, "again", _blobs(1).resize((90, 96)))  # the same picture in another size
    other = [_item(tmp_path, f"other{i}", _blobs(10 + i)) for i in range(4)]
    blank = _item(tmp_path, "blank", Image.new("RGB", (64, 64), "white"))
    found = [other[0], again, *other[1:], blank]
    assert unlike(found, apart) == other
    assert unlike([replace(again, item_id="alone")], apart[2:]) == [replace(again, item_id="alone")]
