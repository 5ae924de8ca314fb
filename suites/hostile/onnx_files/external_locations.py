"""Where external data must not lie: every spelling of a way out of the model's folder, and every place for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from onnx import ModelProto

from suites.hostile.case import OK, Case
from suites.hostile.onnx_files import external_model as external
from suites.hostile.onnx_files.external_model import Yard, case

_REFUSED = "E_EXTERNAL"
#: A location that climbs out as text.
_PLAIN_WAYS = (
    "../secret.bin", "../../secret.bin", "../../../../secret.bin", "./../secret.bin", ".//..//secret.bin",
    "a/../../secret.bin",
    "a/b/../../../secret.bin", "a/b/c/../../../../secret.bin", "../models/../secret.bin", "a/./.././../secret.bin",
    "absent/../../secret.bin", "..//secret.bin", "a//..//..//secret.bin", "net.onnx/../../secret.bin",
)  # fmt: skip
#: A location that goes back and forth and stays inside as text; not the plain way to a file, so it may be refused.
_DETOURS = ("a/../w.bin", "a/b/../../w.bin", "../models/w.bin", "./a/.././w.bin", "absent/../w.bin")
#: A way through ``link``, which leads to ``a/b/c/d/e``: inside by the file system, and outside once it is shortened
#: as text; or inside as text and outside by the file system.
_LINK_WAYS = (
    "link/../../../escaped.bin", "./link/../../../escaped.bin", "link/./../../../escaped.bin",
    "link//..//..//../escaped.bin",
    "link/../../../../../escaped.bin", "a/../link/../../../escaped.bin", "link/../link2/../../../escaped.bin",
    "a/b/again/../../../../../escaped.bin", "up/secret.bin", "up/../secret.bin", "up/models/w.bin", "root/etc/hostname",
    "a/up/secret.bin", "top/secret.bin", "link/w.bin/../../../../../secret.bin",
)  # fmt: skip


def _at_root(found: Yard) -> str:
    return str(found.secret)


#: A location that begins at the root of the file system, or at what another system or program takes for it.
_ABSOLUTE: dict[str, Callable[[Yard], str]] = {
    "absolute": _at_root,
    "absolute-own": lambda found: str(found.put("w.bin")),
    "absolute-twice": lambda found: "/" + _at_root(found),
    "absolute-by-proc": lambda found: f"/proc/self/root{_at_root(found)}",
    "absolute-in-proc": lambda found: "/proc/self/environ",
    "absolute-device": lambda found: "/dev/zero",
    "url": lambda found: f"file://{_at_root(found)}",
    "drive": lambda found: "C:\\secret.bin",
    "share": lambda found: "\\\\host\\share\\secret.bin",
    "backslashes": lambda found: "..\\secret.bin",
    "home": lambda found: "~/secret.bin",
    "variable": lambda found: "$HOME/secret.bin",
    "percent": lambda found: "%2e%2e/secret.bin",
    "wide-dots": lambda found: "\uff0e\uff0e/secret.bin",
    "nul-behind": lambda found: "../secret.bin\0w.bin",
    "nul-before": lambda found: "\0../secret.bin",
    "blank-before": lambda found: " ../secret.bin",
    "newline-behind": lambda found: "../secret.bin\n",
    "blank": lambda found: " ",
    "dot": lambda found: ".",
    "dots": lambda found: "..",
    "slash": lambda found: "/",
    "slash-behind": lambda found: found.put("w.bin").name + "/",
    "dot-behind": lambda found: found.put("w.bin").name + "/.",
    "through-a-file": lambda found: found.put("w.bin").name + "/w.bin",
    "folder": lambda found: "a/b",
    "long": lambda found: "a/" * 50_000 + "w.bin",
    "long-name": lambda found: "w" * 5000,
}


def _linked(found: Yard) -> None:
    """The links that :data:`_LINK_WAYS` goes through, and the files that it would reach."""
    links = {"link": "a/b/c/d/e", "link2": "a/b", "a/b/again": "c/d/e", "up": "..", "a/up": "../..", "root": "/"}
    for name, target in {**links, "top": str(found.top)}.items():
        os.symlink(target, found.folder / name)
    for folder in (found.folder, *(path for path in (found.folder / "a").rglob("*") if not path.is_symlink())):
        if folder.is_dir():
            (folder / "escaped.bin").write_bytes(external.NUMBERS)
            (folder / "w.bin").write_bytes(external.NUMBERS)


def _through_links(location: str) -> Callable[[Yard], ModelProto]:
    def build(found: Yard) -> ModelProto:
        _linked(found)
        return external.at(location)

    return build


def _link(name: str, target: Callable[[Yard], str | Path]) -> Callable[[Yard], ModelProto]:
    """The data file is itself a link."""

    def build(found: Yard) -> ModelProto:
        os.symlink(target(found), found.folder / name)
        return external.at(name)

    return build


def _chain(found: Yard) -> ModelProto:
    os.symlink("one", found.folder / "two")
    os.symlink(found.secret, found.folder / "one")
    return external.at("two")


def _loop(found: Yard) -> ModelProto:
    os.symlink("two", found.folder / "one")
    os.symlink("one", found.folder / "two")
    return external.at("one")


def _links() -> Iterator[Case]:
    outside: dict[str, Callable[[Yard], str | Path]] = {
        "absolute": lambda found: found.secret,
        "relative": lambda found: "../secret.bin",
        "of-a-password": lambda found: "/etc/passwd",
        "of-a-device": lambda found: "/dev/zero",
        "of-an-environment": lambda found: "/proc/self/environ",
        "of-nothing": lambda found: "absent",
    }
    for name, target in outside.items():
        yield case(f"link-{name}", _link("w.bin", target), _REFUSED)
    yield case("link-to-a-link", _chain, _REFUSED)
    yield case("link-to-itself", _loop, _REFUSED)
    # Whether a link that stays inside is followed is a matter of taste; that nothing else is read is none
    yield case("link-inside", _link("w.bin", lambda found: found.put("a/w.bin")), _REFUSED, OK)


def _plainly(build: Callable[[str], ModelProto], location: str) -> Callable[[Yard], ModelProto]:
    def write(found: Yard) -> ModelProto:
        _linked(found)
        return build(location)

    return write


def _places() -> Iterator[Case]:
    """The two ways out, from everywhere that a tensor may stand."""
    places = {
        "branch": external.in_branch,
        "deep-branch": lambda location: external.in_branch(location, levels=6),
        "constant": external.in_constant,
        "function": external.in_function,
        "branch-of-function": external.in_branch_of_function,
        "loop": external.in_loop,
        "sparse": external.in_sparse_values,
        "unused": external.in_unused,
    }
    for name, build in places.items():
        # Whether the runtime reads external data there is its own matter; what it reads is not
        legal = ("E_GRAPH", "E_EXTERNAL", OK) if name == "sparse" else ()
        yield case(f"{name}-inside", _plainly(build, "w.bin"), *legal)
        yield case(f"{name}-climbing", _plainly(build, "../secret.bin"), _REFUSED)
        yield case(f"{name}-through-a-link", _plainly(build, "link/../../../escaped.bin"), _REFUSED)


def cases() -> Iterator[Case]:
    """Spellings, links and places."""
    yield case("plain", lambda found: external.at(found.put("w.bin").name))
    yield case("below", lambda found: external.at("a/b/" + found.put("a/b/w.bin").name))
    for number, location in enumerate(_PLAIN_WAYS):
        yield case(f"climbing-{number}", lambda found, way=location: external.at(way), _REFUSED)
    for number, location in enumerate(_DETOURS):
        yield case(f"detour-{number}", lambda found, way=location: _detour(found, way), _REFUSED, OK)
    for name, location_of in _ABSOLUTE.items():
        yield case(name, lambda found, of=location_of: external.at(of(found)), _REFUSED)
    for number, location in enumerate(_LINK_WAYS):
        yield case(f"through-links-{number}", _through_links(location), _REFUSED)
    yield from _links()
    yield from _places()


def _detour(found: Yard, location: str) -> ModelProto:
    found.put("w.bin")
    return external.at(location)
