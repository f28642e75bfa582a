"""A flood of one text is one template; natural families of names are not."""

import numpy as np
import pytest

from classifiers import caption_templates
from classifiers.caption_templates import band_keys, heavy, masked, templates
from sieveline import draws

MONTHS = ("January", "April", "June", "October")
PLACES = tuple(
    """Albania Algeria Andorra Angola Argentina Armenia Australia Austria Azerbaijan Bahrain Bangladesh Barbados Belarus
Belgium Belize Benin Bhutan Bolivia Botswana Brazil Brunei Bulgaria Burundi Cambodia Cameroon Canada Chad Chile China Colombia
Comoros Croatia Cuba Cyprus Denmark Djibouti Dominica Ecuador Egypt Estonia Ethiopia Fiji Finland France Gabon Gambia Georgia
Germany Ghana Greece Grenada Guatemala Guinea Guyana Haiti Honduras Hungary Iceland India Indonesia Iran Iraq Ireland""".split()  # noqa: SIM905  # a list of sixty quoted words reads worse
)
FLOODS = {
    "shop": lambda i: f"Buy cheap phone case {i} free shipping worldwide",
    "gallery": lambda i: f"Photo {i} of 240 - holiday gallery",
    "month": lambda i: f"Our reporters bring you the stories of the day, archive picture from {MONTHS[i % 4]}, no. {i}",
    "code": lambda i: f"Stock image SKU-{i:04X}Z9 available in all sizes, order now",
    "chinese": lambda i: f"本店新款手机壳第{i}款全国包邮正品保证欢迎选购七天无理由退换货",
}
FAMILIES = {
    "flag": lambda i: f"Flag of {PLACES[i % len(PLACES)]}",
    "map": lambda i: f"Map of {PLACES[i % len(PLACES)]} with its provinces",
    "photo": lambda i: f"A photo of the {PLACES[i % len(PLACES)].lower()} {PLACES[i * 7 % len(PLACES)]} garden",
}


def _found(captions: list[str], more_than: int = 5, min_characters: int = 24) -> tuple[np.ndarray, np.ndarray]:
    rows, keys = band_keys(captions, min_characters)
    entries = [(keys[h, b], rows[h]) for b in range(keys.shape[1]) if len(h := np.flatnonzero(heavy(keys[:, b], more_than)))]
    if not entries:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return templates(*(np.concatenate(column) for column in zip(*entries, strict=True)))


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("Photo 17 of 240 - Holiday gallery", "photo 0 of 0 holiday gallery"),
        ("SKU-AB12C now at https://shop.example/x?y=1!", "sku 0 now at 0"),
        ("ＦＵＬＬ　ｗｉｄｔｈ １２", "full width 0"),
        ("___", ""),
    ],
)
def test_masking(caption, expected):
    assert masked(caption) == expected


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_is_one_template(flood):
    rest = [f"{family(i)}" for family in FAMILIES.values() for i in range(63)]
    captions = [FLOODS[flood](i) for i in range(1, 101)] + rest
    members, template = _found(captions)
    assert np.mean(np.isin(np.arange(100), members)) == 1
    assert (members < 100).all()
    assert set(template) == {0}


@pytest.mark.parametrize("family", FAMILIES)
def test_names_of_one_kind_are_no_flood(family):
    members, _ = _found([FAMILIES[family](i) for i in range(63)], min_characters=5)
    assert not len(members)


def test_a_short_caption_may_be_shared_by_many():
    assert not len(_found(["a red apple"] * 500)[0])


def test_templates_do_not_depend_on_order_or_on_what_else_is_there():
    captions = [flood(i) for flood in FLOODS.values() for i in range(30)]
    members, template = _found(captions)
    order = draws.generator(1, "order").permutation(len(captions))
    moved, moved_template = _found([captions[i] for i in order])
    groups = {frozenset(members[template == t].tolist()) for t in set(template)}
    assert groups == {frozenset(order[moved[moved_template == t]].tolist()) for t in set(moved_template)}
    assert len(groups) == len(FLOODS)
    alone = band_keys(captions[7:8], 24)[1]
    assert (alone[0] == band_keys(captions, 24)[1][7]).all()


def test_a_bucket_can_be_worked_alone():
    captions = [FLOODS["month"](i) for i in range(200)] + [FAMILIES["map"](i) for i in range(60)]
    rows, keys = band_keys(captions, 24)
    flat, owners = keys.reshape(-1), np.repeat(rows, caption_templates.BANDS)
    whole = heavy(flat, 5)
    bucket = flat >> np.uint64(64 - 3)
    parts = np.zeros(len(flat), bool)
    for b in range(8):
        parts[bucket == b] = heavy(flat[bucket == b], 5)
    assert (parts == whole).all()
    assert set(templates(flat[whole], owners[whole])[0]) == set(range(200))


def test_no_captions_have_no_keys():
    rows, keys = band_keys([], 24)
    assert rows.shape == (0,)
    assert keys.shape == (0, caption_templates.BANDS)
