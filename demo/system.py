"""System packages that parts of the tests and lines want, installed where this user may."""

import os
import shutil
import subprocess
import sys

PROGRAMS = {"chromium": "chromium", "latexmlc": "latexml"}
"""Program -> Debian package that has it."""


def need(program: str) -> bool:
    """Whether `program` is there, after an attempt to install it as root; says in one line what is missing otherwise."""
    if shutil.which(program):
        return True
    package = PROGRAMS[program]
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if shutil.which("apt-get") and (not sudo or shutil.which("sudo")):
        for command in (["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", package]):
            subprocess.run(
                [*sudo, *command],
                check=False,
                stdout=subprocess.DEVNULL,
                env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            )
    if shutil.which(program):
        return True
    print(
        f"{program} is not here and could not be installed: apt-get install {package}; what needs it is skipped",
        file=sys.stderr,
    )
    return False


if __name__ == "__main__":
    for name in sys.argv[1:]:
        need(name)
