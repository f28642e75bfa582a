"""Finding papers and laying them out: what is a paper, what is copied, what is refused."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from ocr_synth.academic import papers, sources
from ocr_synth.academic.papers import Paper
from sieveline.errors import ConfigError
from sieveline.reasons import Reason

TEX = b"% a comment\n\\documentclass{article}\n\\begin{document}\nWords.\n\\end{document}\n"
LIMITS = sources.Limits()


def tar_of(files: dict[str, bytes], compress: bool = True) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz" if compress else "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_papers_are_tex_with_a_document_class_and_archives(tmp_path):
    write(
        tmp_path,
        {
            "one/main.tex": TEX,
            "one/main.pdf": b"%PDF",
            "one/chapter.tex": b"no class here",
            "one/commented.tex": b"% \\documentclass{article}",
            "two/paper.tex.gz": gzip.compress(TEX),
            "two/two.pdf.gz": gzip.compress(b"%PDF"),
            "2301.00001.tar.gz": tar_of({"a.tex": TEX}),
            "2301.00001.pdf": b"%PDF",
            "2301.00002.gz": gzip.compress(TEX),
            "README.gz": gzip.compress(b"not a paper"),
            "README.md.gz": gzip.compress(TEX),
            "broken.gz": b"\x1f\x8bnot gzip",
            ".hidden/x.tex": TEX,
            "picture.png": b"",
        },
    )
    (tmp_path / "link.tex").symlink_to("/etc/passwd")
    found = {p.name: p for p in papers.find(str(tmp_path))}
    assert list(found) == ["2301.00001", "2301.00002", "broken", "one/main", "two/paper"]
    assert found["one/main"].pdf == f"{tmp_path}/one/main.pdf"
    assert found["two/paper"].pdf == f"{tmp_path}/two/two.pdf.gz"  # alone in its folder, whose name the PDF has
    assert found["2301.00001"].pdf == f"{tmp_path}/2301.00001.pdf"
    assert found["2301.00002"].pdf is None
    for paper in found.values():
        assert papers.from_url(papers.as_url(paper), paper.name, paper.size) == paper
    assert [p.name for p in papers.find(f"{tmp_path}/one/main.tex")] == ["main"]


def lay_out(
    tmp_path: Path, paper: Paper, limits: sources.Limits = LIMITS, pictures: bool = False
) -> tuple[Path, sources.Sources]:
    folder = tmp_path / "laid out"
    folder.mkdir()
    return folder, sources.lay_out(paper, folder, limits, pictures=pictures)


def paper_in(tmp_path: Path, files: dict[str, bytes]) -> Paper:
    write(tmp_path / "in", files)
    [paper] = papers.find(str(tmp_path / "in"))
    return paper


def test_a_folder_is_copied_without_what_would_be_run_and_without_pictures(tmp_path):
    files = {
        "main.tex.gz": gzip.compress(TEX),
        "main.pdf": b"%PDF",
        "parts/one.tex": b"one",
        "style.sty": b"x",
        "fig.png": b"p",
        "evil.sty.ltxml": b"perl",
        "main.latexml": b"perl",
        "latexmkrc": b"perl",
        "texmf.cnf": b"x",
        ".hidden": b"x",
        "-rf.tex": b"x",
    }
    folder, laid = lay_out(tmp_path, paper_in(tmp_path, files))
    assert (laid.main, laid.pdf) == ("main.tex", b"%PDF")
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == {
        "main.tex",
        "parts/one.tex",
        "style.sty",
    }
    assert (folder / "main.tex").read_bytes() == TEX


def test_the_bbl_replaces_the_bib(tmp_path):
    folder, _ = lay_out(tmp_path, paper_in(tmp_path, {"main.tex": TEX, "main.bbl": b"\\bibitem", "refs.bib": b"@book"}))
    assert not (folder / "refs.bib").exists()


@pytest.mark.parametrize("compress", [True, False])
def test_the_main_file_of_an_archive_is_that_with_a_pdf_then_bbl_then_name(tmp_path, compress):
    files = {"supplement.tex": TEX + b"%" * 999, "ms.tex": TEX, "figs/a.pdf": b"%PDF figure"}
    name = "x.tar.gz" if compress else "x.tar"
    paper = paper_in(tmp_path, {name: tar_of(files, compress)})
    _, laid = lay_out(tmp_path, paper)
    assert (laid.main, laid.pdf) == ("ms.tex", None)
    for extra, main in (({"supplement.bbl": b""}, "supplement.tex"), ({"supplement.bbl": b"", "ms.pdf": b"%PDF"}, "ms.tex")):
        folder = tmp_path / main
        folder.mkdir()
        Path(paper.source).write_bytes(tar_of(files | extra, compress))
        assert sources.lay_out(paper, folder, LIMITS, pictures=False).main == main


def test_a_single_gzipped_file_is_a_paper(tmp_path):
    folder, laid = lay_out(tmp_path, paper_in(tmp_path, {"hep-th9901001.gz": gzip.compress(TEX)}))
    assert laid.main == "hep-th9901001.tex"
    assert (folder / laid.main).read_bytes() == TEX


def linked(target: str, kind: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("main.tex")
        member.type, member.linkname = kind, target
        tar.addfile(member)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (tar_of({"../../outside.tex": TEX}), Reason.UNSAFE_NAME),
        (tar_of({"/etc/outside.tex": TEX}), Reason.UNSAFE_NAME),
        (tar_of({"-output-directory=x.tex": TEX}), Reason.UNSAFE_NAME),
        (tar_of({"a\nb.tex": TEX}), Reason.UNSAFE_NAME),
        (linked("/etc/passwd", tarfile.SYMTYPE), Reason.UNSAFE_NAME),
        (linked("/etc/passwd", tarfile.LNKTYPE), Reason.UNSAFE_NAME),
        (linked("", tarfile.FIFOTYPE), Reason.UNSAFE_NAME),
        (tar_of({"a.tex": b"no class"}), Reason.NO_MAIN_TEX),
        (tar_of({"a": TEX, "a/b.tex": TEX}), Reason.PAPER_UNREADABLE),
        (tar_of({"a.tex": TEX})[:60], Reason.PAPER_UNREADABLE),
        (gzip.compress(b"neither"), Reason.PAPER_UNREADABLE),
        (b"", Reason.PAPER_UNREADABLE),
    ],
    # gzip writes the time: two processes would not call these tests alike by their bytes
    ids=[
        "above",
        "absolute",
        "option",
        "newline",
        "symlink",
        "hard-link",
        "fifo",
        "no-class",
        "file-and-folder",
        "cut",
        "not-a-tar",
        "empty",
    ],
)
def test_hostile_and_broken_archives_have_a_reason_and_write_nothing_outside(tmp_path, archive, reason):
    path = tmp_path / "x.tar.gz"
    path.write_bytes(archive)
    paper = Paper(name="x", source=str(path), archive=True, pdf=None, size=0)
    with pytest.raises(sources.UnusableError) as raised:
        lay_out(tmp_path, paper)
    assert raised.value.reason == reason
    assert {p.name for p in tmp_path.iterdir()} == {"x.tar.gz", "laid out"}


def test_bombs_are_too_large(tmp_path):
    small = sources.Limits(files=3, bytes=100_000)
    bombs = {
        "a": tar_of({"main.tex": TEX + b"%" * 200_000}),
        "b": tar_of({f"{i}.tex": TEX for i in range(5)}),
        "c": tar_of({"main.tex": TEX, "more.txt.gz": gzip.compress(b"0" * 10_000_000)}),
    }
    for name, archive in bombs.items():
        path = tmp_path / f"{name}.tar.gz"
        path.write_bytes(archive)
        folder = tmp_path / name
        folder.mkdir()
        with pytest.raises(sources.UnusableError) as raised:
            sources.lay_out(Paper(name=name, source=str(path), archive=True, pdf=None, size=0), folder, small, pictures=False)
        assert raised.value.reason == Reason.PAPER_TOO_LARGE


def test_shards_are_papers_and_two_of_one_name_are_refused(tmp_path, monkeypatch):
    from ocr_synth.academic import jail, latexml, line
    from ocr_synth.academic.recipes import academic

    monkeypatch.setattr(latexml, "missing_program", lambda: None)
    monkeypatch.setattr(jail, "refusal", lambda: None)
    write(tmp_path, {"a/one.tex": TEX, "b.tar.gz": tar_of({"x.tex": TEX})})
    found = line.find_shards(str(tmp_path), academic())
    assert [s.id for s in found] == ["a__one", "b"]
    assert [s.id for s in line.find_shards(f"{tmp_path}/*.tar.gz", academic())] == ["b"]
    write(tmp_path, {"a__one.tex": TEX})
    with pytest.raises(ConfigError, match="would both be shard 'a__one'"):
        line.find_shards(str(tmp_path), academic())
    monkeypatch.setattr(latexml, "missing_program", lambda: "latexmlc")
    with pytest.raises(ConfigError, match="latexmlc is not installed"):
        line.find_shards(str(tmp_path), academic())
    monkeypatch.setattr(latexml, "missing_program", lambda: None)
    monkeypatch.setattr(jail, "refusal", lambda: "no Landlock")
    with pytest.raises(ConfigError, match="no Landlock: hostile LaTeX cannot be confined here"):
        line.find_shards(str(tmp_path), academic())
