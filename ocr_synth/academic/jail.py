"""Runs a program that reads hostile input where it can do no harm: no file outside its folder, no network, no time or memory
without end.

Landlock (Linux 5.13) leaves the program its work folder to write to and the system's software to read, and where the kernel
can (6.12), nobody outside to send signals to. A seccomp filter refuses sockets, io_uring and ptrace, which also works in
containers that forbid namespaces. Resource limits bound memory, CPU time and file sizes. The program gets a scrubbed
environment and a process group of its own, which is killed at the wall limit and after its end.

This file is also the script that puts itself into the jail and then becomes the program, since setting limits between fork
and exec is not safe in a process with threads: about 15 ms of Python a run.
"""

import ctypes
import errno
import json
import os
import platform
import resource
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

SOFTWARE = ("/usr", "/bin", "/lib", "/lib64", "/etc/texmf", "/etc/perl", "/etc/ld.so.cache", "/etc/LatexMk", "/var/lib/texmf")
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 1, 38, 22, 2
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446  # the same numbers on every architecture
_EXECUTE, _WRITE, _READ, _READ_DIR, _TRUNCATE, _IOCTL = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14, 1 << 15
_FILE_RIGHTS = _EXECUTE | _WRITE | _READ | _TRUNCATE | _IOCTL
_SPECIAL_FILES = 1 << 6 | 1 << 9 | 1 << 11  # making character devices, sockets, block devices
_SCOPES = 1 << 0 | 1 << 1  # abstract sockets, signals
# AUDIT_ARCH, and the numbers of socket, io_uring_setup, ptrace
_ARCHITECTURES = {"x86_64": (0xC000003E, (41, 425, 101)), "aarch64": (0xC00000B7, (198, 425, 117))}


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a jailed program may use.

    Attributes:
        wall_seconds: then its process group is killed.
        cpu_seconds: of one process.
        memory_bytes: address space of one process.
        file_bytes: of one written file.
        confine: whether files, sockets and signals are confined; without, only time and memory are limited, for sources that are trusted.
    """

    wall_seconds: float = 180.0
    cpu_seconds: int = 120
    memory_bytes: int = 4 << 30
    file_bytes: int = 256 << 20
    confine: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a jailed program ended.

    Attributes:
        how: "done", "failed" (status not 0, or killed by a signal), "time" (wall or CPU limit) or "memory".
        status: exit status, negative for a signal.
        cpu_seconds: user and system, of it and its children.
        output: the last 64 KiB of what it printed.
    """

    how: str
    status: int
    cpu_seconds: float
    output: str


def refusal() -> str | None:
    """Why this machine cannot hold a program in the jail, in one line; None if it can."""
    if platform.machine() not in _ARCHITECTURES:
        return f"no system call filter for {platform.machine()}"
    abi = ctypes.CDLL(None, use_errno=True).syscall(_LANDLOCK_CREATE, None, 0, 1)
    return None if abi > 0 else "this kernel has no Landlock (Linux 5.13 or later, enabled by lsm=landlock)"


def run(
    command: Sequence[str],
    folder: Path,
    limits: Limits,
    environment: Mapping[str, str] | None = None,
    software: Sequence[str] = SOFTWARE,
) -> Ended:
    """Runs `command` in `folder`, the only place it may write to, and waits for its end.

    Args:
        command: the program, found on the `PATH` of the jail (/usr/local/bin, /usr/bin, /bin), and its arguments.
        folder: an existing folder that holds nothing but what the program may read.
        limits: see `Limits`.
        environment: variables beside PATH, HOME, TMPDIR and LC_ALL.
        software: folders and files it may read and execute.

    Raises:
        OSError: the jail cannot be made here (see `refusal`).
    """
    folder = folder.resolve()
    (folder / ".tmp").mkdir(exist_ok=True)
    inside = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder / ".tmp"), "LC_ALL": "C.UTF-8"}
    orders = json.dumps({"limits": asdict(limits), "folder": str(folder), "software": list(software), "parent": os.getpid()})
    script = [sys.executable, "-I", "-S", __file__, orders, *command]
    with (folder / ".output").open("w+b") as output:
        child = subprocess.Popen(
            script,
            cwd=folder,
            env={**inside, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        status, cpu_seconds, over_time = _wait(child, limits.wall_seconds)
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - (64 << 10)))
        text = output.read().decode("utf-8", "replace")
    if status == _REFUSED and text.startswith(_REFUSAL):
        raise OSError(text.removeprefix(_REFUSAL).strip())
    over_time |= status == -signal.SIGXCPU
    out_of_memory = status != 0 and ("Out of memory" in text or "MemoryError" in text)
    how = "time" if over_time else "memory" if out_of_memory else "failed" if status else "done"
    return Ended(how=how, status=status, cpu_seconds=cpu_seconds, output=text)


def _wait(child: subprocess.Popen, seconds: float) -> tuple[int, float, bool]:
    """Status, CPU-seconds and whether the wall limit struck; nothing of the process group lives on."""
    watch = os.pidfd_open(child.pid)
    try:
        over_time = not _ended(watch, time.monotonic() + seconds)
    finally:
        os.close(watch)
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # its process is not reaped yet, so the group is still its own
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)  # so that Popen does not wait for it again
    return child.returncode, usage.ru_utime + usage.ru_stime, over_time


def _ended(watch: int, deadline: float) -> bool:
    import select

    poll = select.poll()
    poll.register(watch, select.POLLIN)
    return bool(poll.poll(max(0, 1000 * (deadline - time.monotonic()))))


_REFUSED = 126
_REFUSAL = "jail: "


def enter(folder: str, software: Sequence[str], limits: Mapping[str, float]) -> None:
    """Puts this process, and all it starts, into the jail for good.

    Raises:
        OSError: the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    if limits["confine"]:
        _confine_files(libc, folder, software)
        _refuse_calls(libc)
    for which, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 512),
        (resource.RLIMIT_FSIZE, int(limits["file_bytes"])),
        (resource.RLIMIT_AS, int(limits["memory_bytes"])),
        (resource.RLIMIT_CPU, int(limits["cpu_seconds"])),
    ):
        grace = 5 if which == resource.RLIMIT_CPU else 0  # SIGXCPU first, which tells the limit from other kills
        resource.setrlimit(which, (value, value + grace))


def _confine_files(libc: ctypes.CDLL, folder: str, software: Sequence[str]) -> None:
    abi = libc.syscall(_LANDLOCK_CREATE, None, 0, 1)
    _check(abi, "landlock")
    rights = (1 << 13) - 1 | (1 << 13 if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0) | (_IOCTL if abi >= 5 else 0)
    attributes = struct.pack("=QQQ", rights, 0, _SCOPES)[: 24 if abi >= 6 else 16 if abi >= 4 else 8]
    rules = libc.syscall(_LANDLOCK_CREATE, attributes, len(attributes), 0)
    _check(rules, "landlock")
    allowed = {folder: rights & ~_SPECIAL_FILES & ~_EXECUTE}
    allowed |= dict.fromkeys(software, _EXECUTE | _READ | _READ_DIR) | dict.fromkeys(DEVICES, _READ | _WRITE)
    for path, access in allowed.items():
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        if not os.path.isdir(path):
            access &= _FILE_RIGHTS  # noqa: PLW2901 - a file has fewer rights than a folder
        rule = struct.pack("=Qi", access & rights, place)
        _check(libc.syscall(_LANDLOCK_ADD, rules, 1, rule, 0), f"landlock: {path}")
        os.close(place)
    _check(libc.syscall(_LANDLOCK_RESTRICT, rules, 0), "landlock")
    os.close(rules)


def _refuse_calls(libc: ctypes.CDLL) -> None:
    """EPERM for the refused calls; a foreign architecture's calls, which have other numbers, kill."""
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    kill, refuse, allow = 0x80000000, 0x00050000 | errno.EPERM, 0x7FFF0000
    audit, numbers = _ARCHITECTURES[platform.machine()]
    filters = [(load, 0, 0, 4), (equal, 1, 0, audit), (answer, 0, 0, kill), (load, 0, 0, 0)]
    filters += [(at_least, 0, 1, 1 << 30), (answer, 0, 0, kill)]  # x32 calls on x86_64
    for number in numbers:
        filters += [(equal, 0, 1, number), (answer, 0, 0, refuse)]
    filters.append((answer, 0, 0, allow))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in filters))
    program = struct.pack("HxxxxxxP", len(filters), ctypes.addressof(code))
    _check(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0), "seccomp")


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def follow(parent: int) -> None:
    """Lets this process die with the process `parent`, which started it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we could ask
        sys.exit(_REFUSED)


def _main() -> None:
    orders = json.loads(sys.argv[1])
    follow(orders["parent"])
    try:
        enter(orders["folder"], orders["software"], orders["limits"])
        os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as error:
        print(f"{_REFUSAL}{sys.argv[2]}: {error}")
        sys.exit(_REFUSED)


if __name__ == "__main__":
    _main()
