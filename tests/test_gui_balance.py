"""Caps hold on every marginal at once, and what is rare is kept."""

import numpy as np

from gui_crawl.balance import keep_probability
from sieveline.draws import generator


def test_below_its_caps_all_is_kept():
    assert (keep_probability({"role": ["a", "b"]}, {"role": 5.0}) == 1).all()
    assert (keep_probability({"role": ["a"] * 9}, {"role": None}) == 1).all()
    assert keep_probability({"role": []}, {"role": 5.0}).shape == (0,)


def test_no_value_of_any_attribute_is_expected_over_its_cap():
    for seed in range(20):
        draw = generator(seed, "balance")
        attributes = {name: draw.choice(5, 300, p=[0.7, 0.2, 0.06, 0.03, 0.01]).tolist() for name in ("role", "size", "place")}
        caps = {"role": 12.0, "size": 25.0, "place": 20.0}
        keep = keep_probability(attributes, caps)
        assert ((keep > 0) & (keep <= 1)).all()
        for name, values in attributes.items():
            assert np.bincount(values, keep).max() <= caps[name] * 1.002


def test_a_rare_value_is_kept_beside_a_flood():
    keep = keep_probability({"role": ["link"] * 200 + ["field"]}, {"role": 10.0})
    assert keep[-1] == 1
    assert np.isclose(keep[:200].sum(), 10)


def test_it_shrinks_what_it_is_given():
    keep = keep_probability({"role": ["link"] * 10}, {"role": 2.0}, np.full(10, 0.1))
    assert (keep == 0.1).all()
