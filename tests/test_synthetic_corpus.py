"""Corpus text: cut, cleaned, refused and found; nothing in a file is an error."""

from pathlib import PurePosixPath

import pytest
from synthetic_sources import TEXT, source

from ocr_synth.synthetic import corpus
from ocr_synth.synthetic.corpus import MAX_PASSAGE, Reader, Source, find_sources, parse, read
from sieveline.draws import generator
from sieveline.errors import ConfigError, ShardError


def test_paragraphs_are_parted_by_blank_lines_and_joined_within():
    found = parse(b"One line\nand another.\n\n  Second   paragraph.\r\n\r\n\r\nx\n", "s", PurePosixPath("en/a.txt"))
    assert found.passages == ("One line and another.", "Second paragraph.")
    assert found.language == "en"
    chinese = parse("清晨的港口\n十分安静。\n\n第二段文字在此。".encode(), "s", PurePosixPath("zh/a.txt"))
    assert chinese.passages == ("清晨的港口十分安静。", "第二段文字在此。")


def test_a_file_without_blank_lines_has_a_passage_a_line():
    assert parse(b"First passage\nSecond passage\n", "s").passages == ("First passage", "Second passage")


def test_what_no_picture_shows_is_not_in_a_label():
    found = parse("soft\u00adhyphen, mark\u200e and \ufeffBOM, e\u0301".encode(), "s")
    assert found.passages == ("softhyphen, mark and BOM, \u00e9",)
    assert parse("می‌روم و می‌آیم".encode(), "s", PurePosixPath("fa/x.txt")).passages == ("می‌روم و می‌آیم",)


@pytest.mark.parametrize(
    "broken", [b"caf\xe9 au lait, broken", b"bell \x07 rings here", "private \ue000 use".encode(), b"a <|begin_of_box|> mark"]
)
def test_broken_and_hostile_paragraphs_are_refused_and_counted(broken):
    found = parse(b"Good text here.\n\n" + broken + b"\n\nMore good text.", "s")
    assert (found.passages, found.num_refused) == (("Good text here.", "More good text."), 1)


@pytest.mark.parametrize("data", [b"", b"\n\n\n", b"\xff\xfe\x00", bytes(5000), "\u200b\u200b\u200b\u200b\n".encode()])
def test_empty_and_binary_files_are_sources_without_passages(data):
    found = parse(data, "s")
    assert found.passages == ()


def test_long_paragraphs_are_cut_at_sentences():
    text = "This sentence is one of very many. " * 200
    found = parse(text.encode(), "s")
    assert all(len(p) <= MAX_PASSAGE and p.endswith(".") for p in found.passages)
    endless = parse(("x" * 5000).encode(), "s")
    assert [len(p) for p in endless.passages] == [1200, 1200, 1200, 1200, 200]


def test_languages_come_from_folders_suffixes_and_text():
    assert parse(b"x = 1\n" * 30, "s", PurePosixPath("data/a.py")).language == "code"
    assert parse(b"whatever it says", "s", PurePosixPath("texts/pt-br/a.txt")).language == "pt"
    assert parse(" ".join(TEXT["ru"]).encode(), "s", PurePosixPath("folder/a.txt")).language == "ru"
    assert parse(b"12345 67890", "s", PurePosixPath("folder/a.txt")).language == "und"


def test_code_keeps_its_lines_and_indents():
    [passage] = parse(b"def f():\n\treturn 1\n\nprint(f())\n", "s", PurePosixPath("code/a.py")).passages
    assert passage == "def f():\n    return 1\n\nprint(f())"
    refused = parse(("y = '" + "x" * 200 + "'\n").encode(), "s", PurePosixPath("a.py"))
    assert (refused.passages, refused.num_refused) == ((), 1)


def test_sources_are_found_by_folder_and_glob(tmp_path):
    for name in ("en/a.txt", "zh/b.txt", "code/c.py", "en/.hidden.txt", "notes.pdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("some text")
    assert [s.id for s in find_sources(str(tmp_path))] == ["code__c-py", "en__a-txt", "zh__b-txt"]
    assert [s.id for s in find_sources(str(tmp_path / "*" / "*.txt"))] == ["en__a-txt", "zh__b-txt"]
    with pytest.raises(ConfigError, match=r"notes\.pdf is no text file"):
        find_sources(str(tmp_path / "*.pdf"))
    (tmp_path / "en" / "a-txt.txt").write_text("x")
    (tmp_path / "en" / "a.txt.txt").write_text("x")
    with pytest.raises(ConfigError, match="would both be shard"):
        find_sources(str(tmp_path))


def test_a_file_that_is_gone_is_its_shards_error(tmp_path):
    with pytest.raises(ShardError, match="cannot be opened"):
        read(str(tmp_path / "none.txt"), "none")


def test_no_more_than_the_limit_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "MAX_BYTES", 1000)
    (tmp_path / "a.txt").write_bytes(b"word " * 10_000)
    assert read(str(tmp_path / "a.txt"), "a").num_characters <= 1000


@pytest.mark.parametrize("language", [name for name in TEXT if name != "code"])
def test_phrases_are_short_pieces_of_the_text(language):
    reader = Reader(source(language), generator(1, language))
    everything = " ".join(TEXT[language])
    for words in (1, 2, 4):
        for _ in range(20):
            phrase = reader.phrase(words)
            assert phrase
            assert phrase in everything
            assert len(phrase) <= 2 * words if language in ("zh", "ja") else len(phrase.split()) <= words


def test_a_source_of_marks_alone_still_gives_something():
    reader = Reader(Source("s", "en", ("*** --- ***",)), generator(0, "x"))
    assert reader.phrase(2)
    assert Reader(Source("s", "zh", ("……——！！",)), generator(0, "x")).phrase(2)


def test_passages_come_in_order_and_around():
    reader = Reader(source("en"), generator(3, "x"))
    seen = [reader.passage() for _ in range(10)]
    start = TEXT["en"].index(seen[0])
    assert seen == [TEXT["en"][(start + i) % 5] for i in range(10)]
