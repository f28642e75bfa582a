"""The command line: exit status 0 all done, 1 done but for what is named, 2 nothing was started. The run itself: `test_line.py`."""

import subprocess
import sys
from pathlib import Path

import pytest
from source_shards import jpeg, write_tar

from sieveline import cli, ledger, storage
from sieveline.errors import ConfigError, RetryableError, ShardError
from sieveline.output import Output
from sieveline.schema import LEDGER


def said(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def run(source: str, output: Path, *more: str) -> list[str]:
    return ["run", "image-text", "--input", source, "--output", str(output), *more]


@pytest.fixture
def source(tmp_path) -> str:
    write_tar(tmp_path / "in" / "0.tar", [("a", jpeg(1), "A red fox in the snow")])
    return f"{tmp_path}/in/*.tar"


def test_a_wrong_recipe_is_one_line_before_any_work(capsys, source, tmp_path):
    for recipe, message in (
        ("nothing.like:it", "cannot import nothing.like"),
        ("sieveline.recipes", "write it as module:function"),
        ("sieveline.recipes:dmeo", "has no function dmeo; it has"),
        ("sieveline.fingerprint:fingerprint", "returned a str"),
    ):
        status, out, err = said(capsys, *run(source, tmp_path / "out", "--recipe", recipe))
        assert (status, out) == (2, "")
        assert err.startswith("sieveline: --recipe ")
        assert message in err
        assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_a_recipe_names_must_be_there_before_any_work(source, tmp_path):
    """A vocabulary is first needed by the fifth step; that it is missing is said before the first."""
    (tmp_path / "mine.py").write_text(
        "from sieveline.recipes import *\ndef mine(): return ImageText(concepts=Concepts(vocabulary='/none.json', t=1))\n"
    )
    command = [sys.executable, "-m", "sieveline.cli", *run(source, tmp_path / "out", "--recipe", "mine:mine")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("sieveline: vocabulary /none.json: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out" / "ledger").exists()


def test_input_that_matches_nothing(capsys, tmp_path):
    for pattern in (f"{tmp_path}/*.tar", str(tmp_path), f"{tmp_path}/none/*.tar"):
        status, _, err = said(capsys, *run(pattern, tmp_path / "out"))
        assert status == 2
        assert err.startswith(f"sieveline: --input {pattern}: nothing matches; image-text takes source shards: WebDataset .tar")
        assert err.count("\n") == 1


def test_input_of_another_kind_and_of_another_output(capsys, source, tmp_path):
    (tmp_path / "in" / "notes.txt").write_text("x")
    status, _, err = said(capsys, *run(f"{tmp_path}/in/*", tmp_path / "out"))
    assert (status, "notes.txt is neither .tar nor .parquet" in err) == (2, True)
    manifest = '{"name": "slice-00000", "shards": [{"id": "0", "url": "/elsewhere/0.tar", "num_bytes": 1}]}'
    storage.publish_bytes(f"{tmp_path}/out/slices/slice-00000.json", manifest.encode())
    status, _, err = said(capsys, *run(source, tmp_path / "out"))
    assert (status, "was made from /elsewhere/0.tar" in err) == (2, True)


@pytest.mark.parametrize("arguments", [[], ["run"], ["run", "poems"], ["run", "image-text"], ["explain", "x"]])
def test_wrong_usage_is_status_2(capsys, arguments):
    assert said(capsys, *arguments)[0] == 2


@pytest.mark.parametrize(
    ("error", "status"), [(ConfigError("change this"), 2), (ShardError("s", "is gone"), 1), (RetryableError("busy"), 1)]
)
def test_errors_are_one_line_and_a_status(capsys, monkeypatch, error, status):
    def fail(options):
        raise error

    monkeypatch.setattr(cli, "explain_sample", fail)
    assert said(capsys, "explain", "out", "x") == (status, "", f"sieveline: {error}\n")


def test_explain_of_a_sample_nobody_knows(capsys, tmp_path):
    status, _, err = said(capsys, "explain", str(tmp_path), "000001")
    assert (status, err.count("\n")) == (2, 1)
    assert "has no sample '000001'; give a key, SHARD/KEY or a 32-digit sample id" in err


def test_problems_are_named_and_end_in_status_1(capsys, tmp_path):
    place = Output(str(tmp_path))
    assert cli.name_problems(place) == 0
    ledger.write_table(place.ledger("heuristics", "007"), LEDGER.empty_table(), {"damage": "the file ends inside 'x.jpg'"})
    storage.publish_bytes(place.failure("alignment", "003"), b"/in/003.tar: was measured but is not there any more")
    assert cli.name_problems(place) == 1
    assert capsys.readouterr().err.splitlines() == [
        "sieveline: shard alignment/003: /in/003.tar: was measured but is not there any more",
        "sieveline: shard 007 (read in part): the file ends inside 'x.jpg'",
    ]


def test_relative_paths_are_made_absolute_and_urls_are_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.absolute("out") == f"{tmp_path}/out"
    assert cli.absolute("s3://bucket/out") == "s3://bucket/out"


def test_starting_is_quick_and_light():
    """Neither torch nor Beam until there is work."""
    code = "import sys; from sieveline import cli; print([m for m in ('torch', 'apache_beam', 'dagster') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_funnel_is_printed(capsys):
    stage = {"name": "heuristics", "in": 1234, "kept": 1000, "dropped": {"aspect": 4, "min_side": 230}, "cpu_seconds": 1.25}
    cli.print_funnel({"stages": [stage], "samples": 1000, "shards": 2, "bytes": 2_500_000})
    first, last = capsys.readouterr().out.splitlines()
    assert first.split() == ["heuristics", "1,234", "in", "1,000", "kept", "1.2", "CPU-s", "min_side", "230,", "aspect", "4"]
    assert last == "1,000 training samples in 2 shards, 2.5 MB"


def test_a_reader_that_has_seen_enough_is_no_error():
    command = f"{sys.executable} -m sieveline.cli lines | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
    assert done.stderr == ""
