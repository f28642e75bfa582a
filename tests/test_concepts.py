"""Concept matching and balancing, against plain implementations of the published definition."""

import pickle
import random
import re
from itertools import pairwise

import ahocorasick
import numpy as np
import pyarrow as pa
import pytest

import sieveline.stages.concepts as stage
from classifiers import concepts
from classifiers.concepts import ConceptMatcher, spaced
from sieveline import draws
from sieveline.errors import ConfigError
from sieveline.stages.concepts import Concepts, count, decide, keep_probabilities, merge, p_to_t, resolve_t, summary
from sieveline.verdicts import VERDICT

# --- matching ---------------------------------------------------------------------------------------------------------


def published_matches(caption: str | None, entries: list[str]) -> list[int]:
    """The definition, word for word: pad, set marks apart, blanks to spaces, test each padded entry as a substring."""
    if caption is None:
        return []
    text = re.sub(r"[\t\n\r]", " ", re.sub(r"([,.;:?!`])", r" \1 ", f" {caption} "))
    return [i for i, entry in enumerate(entries) if f" {entry} " in text]


PARTS = [
    *(
        "a",
        "b",
        "ab",
        "A",
        "B",
        "the",
        "The",
        "狗",
        "犬と",
        "猫、犬",
        "é",
        "e\u0301",
        "ß",
        "🐕",
        "\u00a0",
        "\u3000",
        "\x00",
        "\xff",
        "\x0b",
    ),
    *(",", ".", ";", ":", "?", "!", "`", "...", "?!", "'", '"', "-", "/", "，", "。"),
    *(" ", " ", " ", " ", "  ", "\t", "\n", "\r", "\r\n"),
    *("exactly8", "ninechars", "ninecharz", "sixteen-letters-", "sixteen-letters+", "x" * 40, "x" * 41, "鼻" * 9),
]


def random_text(rng: random.Random, most: int) -> str:
    return "".join(rng.choices(PARTS, k=rng.randint(0, most)))


@pytest.mark.parametrize("seed", range(150))
def test_equals_the_published_definition(seed):
    rng = random.Random(seed)
    captions: list[str | None] = [None if rng.random() < 0.05 else random_text(rng, 14) for _ in range(60)]
    entries = [random_text(rng, 4) for _ in range(60)]
    for caption in captions:  # and entries that are sure to occur: at the ends, in the middle, overlapping, the whole
        spaced_text = spaced(caption or "")[1:-1]
        cut = sorted(rng.choices([i for i, c in enumerate(f" {spaced_text} ") if c == " "], k=2))
        entries.append(f" {spaced_text} "[cut[0] + 1 : cut[1]])
    entries = list(dict.fromkeys(entries))
    found = ConceptMatcher(entries).match(pa.array(captions, pa.string()))
    assert found.type == pa.list_(pa.int32())
    assert found.to_pylist() == [published_matches(c, entries) for c in captions]


@pytest.mark.parametrize(
    ("caption", "matched"),
    [
        ("A dog", ["dog"]),
        ("a Dog", []),  # case counts
        ("dog", ["dog"]),
        ("dogs", []),
        ("hot dog,cat", ["dog", "hot dog", "cat"]),
        ("dog-cat", []),
        ("dog\tcat\ndog", ["dog", "cat", "dog cat", "cat dog"]),
        ("dog  cat", ["dog", "cat"]),  # two spaces: "dog cat" is no substring
        ("dog.", ["dog", "."]),
        ("St. Louis", ["St .  Louis", "."]),
        ("", []),
        (" ", []),
        ("我家的狗", []),
        ("我家的 狗", ["狗"]),
    ],
)
def test_examples(caption, matched):
    entries = ["dog", "hot dog", "cat", "dog cat", "cat dog", ".", "St. Louis", "St .  Louis", "狗"]
    found = ConceptMatcher(entries).match(pa.array([caption]))[0].as_py()
    assert [entries[i] for i in found] == [e for e in entries if e in matched]


def test_aho_corasick_finds_the_same():
    rng = random.Random(7)
    words = ["".join(rng.choices("abcdé狗", k=rng.randint(1, 12))) for _ in range(3000)]
    entries = list(dict.fromkeys(" ".join(rng.choices(words, k=rng.choice((1, 1, 1, 2, 2, 3, 5)))) for _ in range(20_000)))
    captions = [rng.choice((" ", ", ", ". ")).join(rng.choices(words, k=12)) for _ in range(2000)]
    captions += [f"{rng.choice(words)} {rng.choice(entries)},{rng.choice(entries)}" for _ in range(2000)]
    automaton = ahocorasick.Automaton()
    for i, entry in enumerate(entries):
        automaton.add_word(f" {entry} ", i)
    automaton.make_automaton()
    expected = [sorted({i for _, i in automaton.iter(spaced(c))}) for c in captions]
    assert ConceptMatcher(entries).match(pa.array(captions)).to_pylist() == expected


def test_blocks_slices_and_chunks_do_not_matter(monkeypatch):
    rng = random.Random(3)
    captions = pa.array([random_text(rng, 12) if rng.random() > 0.1 else None for _ in range(300)])
    matcher = ConceptMatcher([random_text(rng, 3) for _ in range(200)])
    whole = matcher.match(captions).to_pylist()
    assert matcher.match(captions.cast(pa.large_string())).to_pylist() == whole
    assert matcher.match(pa.chunked_array([captions[:7], captions[7:7], captions[7:]])).to_pylist() == whole
    assert matcher.match(captions[100:205]).to_pylist() == whole[100:205]
    assert [matcher.match(captions[i : i + 1]).to_pylist()[0] for i in range(300)] == whole
    assert pickle.loads(pickle.dumps(matcher)).match(captions).to_pylist() == whole
    for size in (1, 50, 1000):
        monkeypatch.setattr(concepts, "_BLOCK_BYTES", size)
        assert matcher.match(captions).to_pylist() == whole


def test_nothing_to_match():
    assert ConceptMatcher([]).match(pa.array(["a", None])).to_pylist() == [[], []]
    assert ConceptMatcher(["a"]).match(pa.array([], pa.string())).to_pylist() == []
    assert ConceptMatcher(["a"]).match(pa.chunked_array([], pa.string())).to_pylist() == []
    assert ConceptMatcher(["a", "b", "a"]).match(pa.array(["a b"])).to_pylist() == [[0, 1]]  # twice: under its first id


def test_equal_hashes_cannot_lie(monkeypatch):
    """With a hash that sees nothing but the first byte, every answer is still right."""
    entries = ["ant", "bee", "cat", "dog bee", "eel"]
    monkeypatch.setattr(concepts, "_hash", lambda words, start, length: (words[start] & np.uint64(0xFF)) << np.uint64(56))
    matcher = ConceptMatcher(entries)
    captions = ["ape bee", "ant cow", "dog bee", "dot bee", "eels", "e"]
    assert matcher.match(pa.array(captions)).to_pylist() == [published_matches(c, entries) for c in captions]


# --- balancing --------------------------------------------------------------------------------------------------------


def random_pool(seed: int, n: int = 400, size: int = 60) -> pa.Table:
    """Samples with Zipf-distributed entries; some match nothing."""
    rng = np.random.default_rng(seed)
    rows = [np.unique(np.minimum(rng.zipf(1.5, rng.integers(0, 5)), size) - 1) for _ in range(n)]
    return pa.table({"sample_id": [f"{seed:016x}{i:016x}" for i in range(n)], "concepts": pa.array(rows, pa.list_(pa.int32()))})


@pytest.mark.parametrize("seed", range(5))
def test_verdicts_equal_a_plain_reference(seed):
    pool, t = random_pool(seed), 8
    counts = [0] * 60
    for row in pool["concepts"].to_pylist():
        for entry in row:
            counts[entry] += 1
    assert count(pool["concepts"], 60).tolist() == counts

    config = Concepts(t=t)
    verdicts = decide(pool, np.array(counts), config, seed)
    assert verdicts.schema == VERDICT
    for sample, verdict in zip(pool.to_pylist(), verdicts.to_pylist(), strict=True):
        kept, missed = False, 1.0
        for entry in sample["concepts"]:
            p = min(1.0, t / counts[entry])
            draw = draws.pair_uniforms(seed, "concepts", [sample["sample_id"]], np.array([0]), np.array([entry]))[0]
            kept |= draw < p
            missed *= 1 - p
        assert kept == (verdict["value"] > verdict["threshold"])
        assert verdict["reason"] == (None if kept else "balanced_out" if sample["concepts"] else "no_concept")
        assert verdict["value"] == pytest.approx(1 - missed, abs=1e-12)


def test_a_verdict_depends_on_no_neighbour():
    pool = random_pool(1)
    counts, config = count(pool["concepts"], 60), Concepts(t=5)
    whole = decide(pool, counts, config, 0)
    parts = [decide(pool.slice(a, b - a), counts, config, 0) for a, b in ((0, 1), (1, 1), (1, 130), (130, 400))]
    assert pa.concat_tables(parts).combine_chunks().equals(whole.combine_chunks())
    backwards = pool.take(pa.array(range(399, -1, -1)))
    assert decide(backwards, counts, config, 0).to_pylist() == whole.to_pylist()[::-1]


def test_raising_t_only_adds_samples():
    pool = random_pool(2)
    counts = count(pool["concepts"], 60)
    kept = [decide(pool, counts, Concepts(t=t), 0)["reason"].is_null().to_numpy() for t in (1, 3, 9, 400)]
    assert all((more >= less).all() for less, more in pairwise(kept))
    assert kept[-1].sum() == (pool["concepts"].combine_chunks().value_lengths().to_numpy() > 0).sum()


def test_samples_are_kept_as_often_as_stated():
    """Over many samples the kept share is 1 - prod(1 - p), and the draw a sample was held against is uniform."""
    n = 40_000
    pool = pa.table({"sample_id": [f"{i:032x}" for i in range(n)], "concepts": pa.array([[0, 1, 2]] * n, pa.list_(pa.int32()))})
    verdicts = decide(pool, np.array([100, 50, 1000]), Concepts(t=10), 3)
    stated = 1 - (1 - 0.1) * (1 - 0.2) * (1 - 0.01)
    assert np.allclose(verdicts["value"].to_numpy(), stated)
    assert verdicts["reason"].is_null().to_numpy().mean() == pytest.approx(stated, abs=4 * np.sqrt(stated * (1 - stated) / n))
    # below the value every draw is equally likely; above it, too, until the last pair's ratio reaches 1 / p
    drawn = verdicts["threshold"].to_numpy()
    deciles = np.quantile(drawn, np.linspace(0.1, 0.9, 9))
    assert np.allclose(deciles, np.linspace(0.1, 0.9, 9), atol=0.012)


def test_pair_draws():
    ids, rng = [f"s{i}" for i in range(1000)], np.random.default_rng(0)
    rows, numbers = rng.integers(0, 1000, 50_000), rng.integers(0, 500_000, 50_000)
    u = draws.pair_uniforms(5, "concepts", ids, rows, numbers)
    assert u.dtype == np.float64
    assert u.min() >= 0
    assert u.max() < 1
    assert np.abs(np.histogram(u, 20, (0, 1))[0] - 2500).max() < 5 * np.sqrt(2500)
    one = draws.pair_uniforms(5, "concepts", [ids[rows[7]]], np.array([0]), numbers[7:8].astype(np.int32))
    assert one[0] == u[7]
    assert not (draws.pair_uniforms(6, "concepts", ids, rows, numbers) == u).any()
    same_id = draws.pair_uniforms(5, "concepts", ids[:1], np.zeros(50_000, int), np.arange(50_000))
    same_number = draws.pair_uniforms(5, "concepts", [f"s{i}" for i in range(50_000)], np.arange(50_000), np.full(50_000, 3))
    for neighbours in (same_id, same_number):
        assert abs(np.corrcoef(neighbours[:-1], neighbours[1:])[0, 1]) < 0.02


@pytest.mark.parametrize("tail_share", [0.01, 0.06, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(4))
def test_p_to_t_is_the_published_one(seed, tail_share):
    counts = np.minimum(np.random.default_rng(seed).zipf(1.4, 2000), 10_000_000) - 1
    running, best = 0, None
    for c in sorted(counts.tolist()):
        running += c
        distance = abs(running / counts.sum() - tail_share)
        if best is None or distance < best[0]:
            best = (distance, c)
    assert best is not None
    assert p_to_t(counts, tail_share) == max(best[1], 1)
    assert resolve_t(counts, Concepts(tail_share=tail_share)) == p_to_t(counts, tail_share)


def test_counts_are_merged():
    pool = random_pool(4)
    whole = count(pool["concepts"], 60)
    assert whole.dtype == np.int64
    parts = [count(pool["concepts"].slice(a, 100), 60) for a in (300, 0, 200, 100)]
    assert (merge(parts, 60) == whole).all()
    assert merge([], 3).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="vocabulary has 61"):
        merge(parts, 61)
    assert p_to_t(np.zeros(3, int), 0.06) == 1
    assert keep_probabilities(np.array([0, 1, 5, 10]), 5).tolist() == [1, 1, 1, 0.5]


def test_the_rule_can_be_off():
    pool = random_pool(0)
    verdicts = decide(pool, count(pool["concepts"], 60), Concepts(), 0)
    assert verdicts.schema == VERDICT
    assert all(v == {"reason": None, "value": None, "threshold": None} for v in verdicts.to_pylist())
    assert decide(pool[:0], np.zeros(60, int), Concepts(), 0).num_rows == 0


@pytest.mark.parametrize("wrong", [{"t": 5, "tail_share": 0.1}, {"t": 0}, {"tail_share": 0.0}, {"tail_share": 1.0}])
def test_wrong_configs_are_refused(wrong):
    with pytest.raises(ConfigError, match="concepts: "):
        Concepts(**wrong)


def test_summary_adds_up():
    pool = random_pool(6, n=3000)
    before, config = count(pool["concepts"], 60), Concepts(tail_share=0.3)
    t = resolve_t(before, config)
    assert t is not None
    after = count(pool.filter(decide(pool, before, config, 0)["reason"].is_null())["concepts"], 60)
    report = summary(before, after, t, [f"e{i}" for i in range(60)], num_top=3, num_points=10)
    assert report["t"] == t
    assert report["head"]["before"] + report["tail"]["before"] == before.sum()
    assert report["head"]["after"] + report["tail"]["after"] == after.sum()
    assert report["tail"]["kept"] == 1.0  # p = 1 for each of its entries
    assert report["head"]["kept"] < 0.8
    assert report["lost"] == 0
    assert [e["entry"] for e in report["top"]] == [f"e{i}" for i in np.argsort(-before, kind="stable")[:3]]
    curve = report["curve"]
    assert curve["rank"][-1] == (before > 0).sum()
    assert (curve["before"][-1], curve["after"][-1]) == (before.sum(), after.sum())
    assert len(curve["rank"]) == len(curve["before"]) == len(curve["after"]) <= 10
    nothing = summary(np.zeros(2, int), np.zeros(2, int), None, ["a", "b"])
    assert nothing["head"]["kept"] is None
    assert nothing["curve"]["rank"] == []


def test_docstring_table_names_the_columns():
    assert stage.__doc__ is not None
    rows = re.findall(r"^\| (\w+) \| ([\w<>]+) \|", stage.__doc__, re.M)[1:]
    assert rows == [(f.name, re.sub(r"list<\w+: (\w+)>", r"list<\1>", str(f.type))) for f in stage.MEASURED]
