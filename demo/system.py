"""System packages that parts of the tests and lines want, installed where this user may.

`python -m demo.system chromium fonts` sees to a program and to the fonts of synthetic documents.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from gui_crawl import browser

_LATEX = ("texlive-latex-recommended", "texlive-latex-extra", "texlive-science", "texlive-publishers")
PACKAGES: dict[str, tuple[str, ...]] = {
    "chromium": ("chromium-headless-shell",),  # the browser without its user interface
    "latexmlc": ("latexml", *_LATEX),  # it reads styles and classes of TeX Live where it has none of its own
    "bibtex": ("texlive-binaries", *_LATEX),
    "latexmk": ("latexmk", *_LATEX),
}
"""Program -> Debian packages that have it and what it works with."""

_NAMES = {"chromium": browser.PROGRAMS}  # by which a program is called; by default its own

FONTS = (
    "fonts-noto-core",  # Latin, Cyrillic, Arabic, Hebrew and most other scripts
    "fonts-noto-cjk",  # Chinese, Japanese, Korean
    "fonts-dejavu-core",
    "fonts-dejavu-extra",
    "fonts-liberation",
    "fonts-paratype",  # Cyrillic
    "fonts-ebgaramond",
    "fonts-lato",
    "fonts-comic-neue",
    "fonts-dancingscript",
    "fonts-inconsolata",
    "fonts-hosny-amiri",  # Arabic
    "fonts-kacst",  # Arabic
    "fonts-arphic-ukai",  # Chinese, brush
    "fonts-ipaexfont-mincho",  # Japanese
)
"""Debian packages of the fonts that synthetic documents are tried with: 95 MB of download, of which Noto CJK is 57."""


def need(program: str) -> bool:
    """Whether `program` is there, after an attempt to install it as root; says in one line what is missing otherwise."""
    names = _NAMES.get(program, (program,))
    if not browser.installed(names):
        _install(PACKAGES[program])
    if browser.installed(names):
        return True
    print(
        f"{program} is not here and could not be installed: apt-get install {' '.join(PACKAGES[program])}; what needs it is skipped",
        file=sys.stderr,
    )
    return False


def need_fonts() -> bool:
    """Whether all of `FONTS` are there, after an attempt to install them as root; says in one line what is missing otherwise."""
    if missing := _missing(FONTS):
        _install(missing)
    if missing := _missing(FONTS):
        print(
            f"fonts are missing, synthetic documents use those there are: apt-get install {' '.join(missing)}", file=sys.stderr
        )
    return not missing


def _missing(packages: Sequence[str]) -> list[str]:
    if not shutil.which("dpkg-query"):
        return list(packages)
    command = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n", *packages]
    listed = subprocess.run(
        command, capture_output=True, text=True, check=False
    ).stdout  # unknown ones make it fail, the rest is said
    there = {line.split()[0] for line in listed.splitlines() if line.endswith(" installed")}
    return [name for name in packages if name not in there]


def _install(packages: Sequence[str]) -> None:
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if not shutil.which("apt-get") or (sudo and not shutil.which("sudo")):
        return
    for command in (["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", *packages]):
        subprocess.run(
            [*sudo, *command], check=False, stdout=subprocess.DEVNULL, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        )


if __name__ == "__main__":
    for name in sys.argv[1:]:
        _ = need_fonts() if name == "fonts" else need(name)
