"""Draws are functions of seed and names alone, and uniform."""

import subprocess
import sys

import numpy as np
import pytest

from sieveline import draws


def test_the_same_everywhere_and_for_ever():
    """Pinned: another value would make another dataset of the same recipe."""
    assert draws.uniform(0, "balance", "a", 3) == 0.9854429907105252
    assert draws.uniform(0, "balance", "a", "3") == draws.uniform(0, "balance", "a", 3)
    code = "from sieveline import draws; print(draws.uniform(7, 'x'), draws.generator(7, 'x').integers(1 << 60))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == [str(draws.uniform(7, "x")), str(draws.generator(7, "x").integers(1 << 60))]


def test_seed_and_every_name_matter():
    values = {
        draws.uniform(*names) for names in ((0, "a"), (1, "a"), (-1, "a"), (0, "b"), (0, "a", ""), (0, "a", "a"), (0, "aa"))
    }
    assert len(values) == 7


def test_uniform_over_0_to_1():
    ids = [f"{i:032x}" for i in range(20_000)]
    values = draws.uniforms(3, "test", ids)
    assert values.dtype == np.float64
    assert values.tolist()[:5] == [draws.uniform(3, "test", i) for i in ids[:5]]
    assert values.min() >= 0
    assert values.max() < 1
    counts = np.histogram(values, 50, (0, 1))[0]
    assert ((counts - 400) ** 2 / 400).sum() < 95  # chi-squared of 49 degrees, p < 1e-4
    other = draws.uniforms(4, "test", ids)
    assert abs(np.corrcoef(values, other)[0, 1]) < 0.03
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.03


def test_pairs_depend_on_their_own_id_and_number():
    ids = [f"id{i}" for i in range(200)]
    rows = np.repeat(np.arange(200), 100)
    numbers = np.tile(np.arange(100), 200)
    values = draws.pair_uniforms(0, "concepts", ids, rows, numbers)
    alone = draws.pair_uniforms(0, "concepts", ["id7"], np.array([0, 0]), np.array([5, 99]))
    assert alone.tolist() == values[[705, 799]].tolist()
    assert (values.min() >= 0) & (values.max() < 1)
    counts = np.histogram(values, 50, (0, 1))[0]
    assert ((counts - 400) ** 2 / 400).sum() < 95
    assert not np.array_equal(values, draws.pair_uniforms(1, "concepts", ids, rows, numbers))


def test_generators_are_named():
    a, b = draws.generator(0, "a"), draws.generator(0, "a")
    assert a.random(5).tolist() == b.random(5).tolist()
    assert draws.generator(0, "b").random() != draws.generator(0, "a").random()


@pytest.mark.parametrize("seed", [0, -1, 1 << 64, -(1 << 70)])
def test_any_seed(seed):
    assert 0 <= draws.uniform(seed, "x") < 1
    draws.generator(seed, "x")
