"""Opens what a model names below a folder, and nothing else. Standard library only.

One path is judged and used: a location is taken apart, each folder on the way is opened below the one before it without
following a link, and the descriptor that comes out is what is read. So nothing that happens to the names meanwhile, and
no reading of ``..`` or of a link by somebody else, leads elsewhere.

Two rules, by who names the file:

* What the **owner** names (an option, a manifest) is opened as it stands, links included: :func:`open_regular`.
* What a **model, an archive or a folder** names is relative, goes down only and passes no link: :func:`open_beneath`,
  :func:`~pytest_onnxaccel.core.files.walk.walk`. A link is refused even when it stays inside the folder, as onnx's
  checker refuses it.

Every file must be regular: opening a FIFO would wait for ever, opening a device may do something.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat

#: Longest location, bytes, and how many folders deep it may lie.
LONGEST = 4096
DEEPEST = 64

_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
# O_NONBLOCK: a FIFO put there meanwhile must not hang; O_NOCTTY: nor may a terminal become ours
_READ = os.O_RDONLY | _CLOEXEC | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
NOFOLLOW = os.O_NOFOLLOW
# Where the system can: a folder that may be searched need not be readable
_SEARCH = getattr(os, "O_PATH", getattr(os, "O_SEARCH", os.O_RDONLY)) | os.O_DIRECTORY | _CLOEXEC
LIST = os.O_RDONLY | os.O_DIRECTORY | _CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW | _CLOEXEC

_COPY = "put a copy of the file itself there (cp -L)"


class Refused(Exception):
    """A file that is not opened.

    Args:
        cause: what it is, in one clause: ``is an absolute path``.
        remedy: what its author can do.
        code: ``E_UNSAFE`` for what may lead elsewhere, ``E_FILE`` for what is not a file, ``E_SIZE`` for too much.
    """

    def __init__(self, cause: str, remedy: str = "", code: str = "E_UNSAFE") -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy
        self.code = code

    def of(self, what: str) -> Refused:
        """Return the same refusal for *what*."""
        return Refused(f"{what} {self.cause}", self.remedy, self.code)


def split(location: str) -> tuple[str, ...]:
    """Return the names on the way to *location*, without ``.`` and doubled slashes; a backslash is part of a name.

    Raises:
        Refused: it is empty, absolute, leads upwards, is too long or no file's name.
    """
    plain = "save the model with the plain name of a file in its folder"
    if not location:
        raise Refused("is an empty path", plain)
    if "\0" in location:
        raise Refused("holds a NUL", plain)
    if location.startswith("/"):
        raise Refused("is an absolute path", "save the model with a path relative to its own folder")
    names = location.split("/")
    if ".." in names:
        raise Refused("leads upwards with '..'", "put the file into the model's folder and name it from there")
    try:
        length = len(os.fsencode(location))
    except UnicodeEncodeError:
        raise Refused("cannot be the name of a file here", plain) from None
    if names[-1] in ("", "."):
        raise Refused("is the path of a folder", plain)
    names = [name for name in names if name not in ("", ".")]
    if length > LONGEST or len(names) > DEEPEST:
        raise Refused(f"is longer than {LONGEST} bytes or deeper than {DEEPEST} folders", plain)
    return tuple(names)


def open_folder(path: str, listed: bool = False) -> int:
    """Return a descriptor of the folder that the owner names, links included.

    Args:
        path: that of the folder.
        listed: what it holds will be asked for; else only files by name.

    Raises:
        OSError: there is none, or it cannot be entered or listed.
    """
    return os.open(path, LIST if listed else _SEARCH)


def open_regular(path: str) -> int:
    """Return a descriptor to read the regular file that the owner names; links are followed.

    Raises:
        Refused: a folder, a FIFO, a device; or a NUL in the path.
        OSError: it cannot be opened.
    """
    if "\0" in path:
        raise Refused("is not a path: it holds a NUL", code="E_FILE")
    # Asked first, because opening a device may do something
    _refuse_special(os.stat(path).st_mode)
    return _regular(os.open(path, _READ))


def open_beneath(folder: int, location: str) -> int:
    """Return a descriptor to read the regular file *location* below the open *folder*, which is not closed.

    Raises:
        Refused: the location, a link on the way, or what is there is refused.
        OSError: it cannot be opened.
    """
    *way, name = split(location)
    inner = _enter(folder, way)
    try:
        _refuse_special(os.stat(name, dir_fd=inner, follow_symlinks=False).st_mode)
        try:
            handle = os.open(name, _READ | NOFOLLOW, dir_fd=inner)
        except OSError as error:
            raise _link_or(error, name) from None
    finally:
        os.close(inner)
    return _regular(handle)


def list_beneath(folder: int, name: str) -> list[str]:
    """Return what is in the folder *name* directly below the open *folder*, in the order of the names.

    Raises:
        Refused: it is a link.
        OSError: it is not a folder, or cannot be listed.
    """
    try:
        handle = os.open(name, LIST | NOFOLLOW, dir_fd=folder)
    except OSError as error:
        raise _folder_error(error, name, folder) from None
    try:
        return sorted(os.listdir(handle))
    finally:
        os.close(handle)


def create_beneath(folder: int, location: str) -> int:
    """Return a descriptor to write the new file *location* below the open *folder*, with the folders on the way to it.

    Raises:
        Refused: the location, or a link on the way, is refused.
        FileExistsError: something is there already, whatever it is.
        OSError: it cannot be made.
    """
    *way, name = split(location)
    inner = os.dup(folder)
    try:
        for step in way:
            with contextlib.suppress(FileExistsError):
                os.mkdir(step, 0o700, dir_fd=inner)
            outer, inner = inner, _enter(inner, [step])
            os.close(outer)
        return os.open(name, _CREATE, 0o600, dir_fd=inner)
    finally:
        os.close(inner)


def write_beneath(folder: int, location: str, source: int) -> None:
    """Copy the open file *source* to *location* below the open *folder*, whole or not at all; it may be there already.

    Raises:
        Refused, OSError: as :func:`create_beneath`.
    """
    *way, name = split(location)
    part = f"{name}.{os.urandom(4).hex()}.part"
    target = create_beneath(folder, "/".join((*way, part)))
    inner = _enter(folder, way)
    try:
        try:
            with os.fdopen(target, "wb") as made, os.fdopen(os.dup(source), "rb") as given:
                shutil.copyfileobj(given, made, 1 << 20)
            os.replace(part, name, src_dir_fd=inner, dst_dir_fd=inner)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part, dir_fd=inner)
            raise
    finally:
        os.close(inner)


def _enter(folder: int, way: list[str]) -> int:
    """Return a descriptor of the folder *way* below *folder*."""
    inner = os.dup(folder)
    for step in way:
        try:
            outer, inner = inner, os.open(step, _SEARCH | NOFOLLOW, dir_fd=inner)
        except OSError as error:
            try:
                raise _folder_error(error, step, inner) from None
            finally:
                os.close(inner)
        os.close(outer)
    return inner


def _folder_error(error: OSError, step: str, above: int) -> Exception:
    """Return what is wrong with the folder *step* on the way: systems tell links by different numbers."""
    try:
        found = os.stat(step, dir_fd=above, follow_symlinks=False).st_mode
    except OSError:
        return error
    if stat.S_ISLNK(found):
        return Refused(f"passes the symbolic link {step!r}", "put a copy of the folder itself there (cp -rL)")
    return error


def _link_or(error: OSError, name: str) -> Exception:
    return Refused("is a symbolic link", _COPY) if error.errno in (errno.ELOOP, errno.EMLINK) else error


def _regular(handle: int) -> int:
    """Return *handle* if it is of a regular file; else close it and raise."""
    try:
        _refuse_special(os.fstat(handle).st_mode)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _refuse_special(mode: int) -> None:
    if stat.S_ISLNK(mode):
        raise Refused("is a symbolic link", _COPY)
    if not stat.S_ISREG(mode):
        raise Refused(f"is {kind_of_mode(mode)}, not a regular file", code="E_FILE")


def kind_of_mode(mode: int) -> str:
    """Return what a file that is not regular is, in words."""
    for test, name in (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    ):
        if test(mode):
            return name
    return "something else"
