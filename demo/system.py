"""System packages that parts of the tests and lines want, installed where this user may."""

import os
import shutil
import subprocess
import sys

_LATEX = ("texlive-latex-recommended", "texlive-latex-extra", "texlive-science", "texlive-publishers")
PROGRAMS: dict[str, tuple[str, ...]] = {
    "chromium": ("chromium",),
    "latexmlc": ("latexml", *_LATEX),  # it reads styles and classes of TeX Live where it has none of its own
    "bibtex": ("texlive-binaries", *_LATEX),
    "latexmk": ("latexmk", *_LATEX),
}
"""Program -> Debian packages that have it and what it works with."""


def need(program: str) -> bool:
    """Whether `program` is there, after an attempt to install it as root; says in one line what is missing otherwise."""
    if shutil.which(program):
        return True
    wanted = PROGRAMS[program]
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if shutil.which("apt-get") and (not sudo or shutil.which("sudo")):
        for command in (["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", *wanted]):
            subprocess.run(
                [*sudo, *command],
                check=False,
                stdout=subprocess.DEVNULL,
                env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            )
    if shutil.which(program):
        return True
    print(
        f"{program} is not here and could not be installed: apt-get install {' '.join(wanted)}; what needs it is skipped",
        file=sys.stderr,
    )
    return False


if __name__ == "__main__":
    for name in sys.argv[1:]:
        need(name)
