"""TorchScript whose code writes or reads files, in every spelling that its parser takes, and from every place."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from suites.hostile.case import OK, Case, Entry, Place
from suites.hostile.pytorch import files

_UNSAFE = ("E_UNSAFE",)
#: What PyTorch's own parser may refuse as well, by release.
_EITHER = ("E_UNSAFE", "E_PARSE")

#: Statements of ``forward``; ``@`` stands for the canary.
_LINES = {
    "plain": 'torch.save(x, "@")',
    "blank-behind": 'torch.save (x, "@")',
    "blank-before": 'torch. save(x, "@")',
    "blanks": 'torch  .  save  (  x  ,  "@"  )',
    "tab": 'torch.save\t(x, "@")',
    "form": 'torch.\tsave\t(\tx, "@")',
    "other-quotes": "torch.save(x, '@')",
    "text-in-parts": 'torch.save(x, "@"[:3] + "@"[3:])',
    "operator": 'ops.aten.save(x, "@")',
    "operator-blank": 'ops.aten. save(x, "@")',
    "operator-blanks": 'ops . aten . save (x, "@")',
    "result-named": '_0 = torch.save (x, "@")',
    "annotated": '_0 : NoneType = torch.save (x, "@")',
    "list": '_0 = [torch.save (x, "@")]',
    "tuple": '_0 = (torch.save (x, "@"),)',
    "condition": 'if True:\n      torch.save (x, "@")\n    else:\n      pass',
    "loop": 'for _1 in range(1):\n      torch.save (x, "@")',
    "while": '_2 = True\n    while _2:\n      torch.save (x, "@")\n      _2 = False',
    "in-brackets": '(torch.save)(x, "@")',
    "operator-in-brackets": '(ops.aten.save)(x, "@")',
    "line-between": 'torch.save(\n      x,\n      "@")',
    "line-joined": 'torch.save \\\n      (x, "@")',
    "remark": 'torch.save( # (\n      x, "@")',
    "alias": '_0 = torch.save\n    _0(x, "@")',
    "from-file": 'x = torch.from_file("@", True, 3)',
    "from-file-blank": '_0 = torch.from_file ("@", True, 3)',
    "from-file-used": 'x = torch.add(x, torch.sum(torch.from_file ("@", True, 3)))',
    "from-file-named": '_0 = torch.from_file (filename="@", shared=True, size=3)',
    "from-file-operator": 'x = torch.add(x, torch.sum(ops.aten. from_file("@", True, 3)))',
    "set-seed": "torch.manual_seed (3)",
    "warning": 'ops.aten. warn("::error::said by the model")',
    "python": 'ops.prim. PythonOp(x, "@")',
    "profiled": 'ops.profiler. _record_function_enter("@")',
    "unknown-operator": 'ops.nobody. knows(x, "@")',
}

#: Of those, what PyTorch does not compile.
_NOT_COMPILED = {"text-in-parts", "python", "unknown-operator", "annotated"}

#: Of those, what touches no file, whether it is allowed or not: what is unused is dropped by the parser.
_HARMLESS = {"set-seed", "profiled", "warning", "from-file-blank", "from-file-named"}


def _line(text: str) -> Callable[[str], str]:
    """The code with *text* before the return."""
    return lambda code: code.replace("    return ", f"    {text}\n    return ", 1)


def _method(name: str, text: str) -> Callable[[str], str]:
    """The code with a method *name* that does *text*, and which `forward` calls."""
    own = "self: __torch__.suites.hostile.pytorch.files.Net"
    body = f"\n  def {name}({own},\n    x: Tensor) -> Tensor:\n    {text}\n    return x\n"
    return lambda code: _line(f"x = (self).{name}(x, )")(code) + body


def _default(text: str) -> Callable[[str], str]:
    """The code with *text* where a weight is taken."""
    return lambda code: code.replace("W = self.W", f"W = self.W\n    {text}", 1)


def _loaded(text: str) -> Callable[[str], str]:
    """The code with methods that run while the archive is loaded, before anybody calls the network."""
    own = "self: __torch__.suites.hostile.pytorch.files.Net"
    body = (
        f"\n  def __getstate__({own}) -> Tuple[Tensor, bool]:\n    return (self.W, self.training)\n"
        f"  def __setstate__({own},\n    state: Tuple[Tensor, bool]) -> NoneType:\n"
        f"    {text}\n    W, training, = state\n    self.W = W\n    self.training = training\n    return None\n"
    )
    return lambda code: code + body


def _case(name: str, change: Callable[[str], Callable[[str], str]], text: str, *codes: str) -> Case:
    def build(place: Place) -> Entry:
        content = files.with_code(change(text.replace("@", str(place.canary))))
        return files.entry(place, content, ".pt")

    return Case(name, build, frozenset(codes))


def cases() -> Iterator[Case]:
    """Spellings and places; all refused before PyTorch compiles anything."""
    yield Case("script", lambda place: files.entry(place, files.script(), ".pt"))
    yield _case("script-more", _line, "x = torch.mul(torch.add(x, x), 0.5)")
    yield _case("script-with-a-name", _line, 'save = x\n    _0 = "torch.save(x)"')
    for name, text in _LINES.items():
        more = ("E_PARSE",) if name in _NOT_COMPILED else (OK,) if name in _HARMLESS else ()
        yield _case(f"script-{name}", _line, text, *_UNSAFE, *more)
    save = 'ops.aten. save(x, "@")'
    yield _case("script-method", lambda text: _method("other", text), save, *_UNSAFE)
    yield _case("script-middle", _default, save, *_UNSAFE)
    yield _case("script-state", _loaded, 'ops.aten. save(self.W, "@")', *_EITHER)
