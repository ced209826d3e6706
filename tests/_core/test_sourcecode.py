"""Names that a source text binds, and those that it lacks."""

from __future__ import annotations

import pytest

from ipcm._core.sourcecode import read_names

MISSING = {
    "x = 1\ndef f(): return x": (),
    "def f(): return y": ("y",),
    "print(len(z))": ("z",),
    "import os.path as p, sys\np.join(sys.argv)": (),
    "[a for a in b]": ("b",),
    "def f(a, *b, c=d, **e): return a, b, c, e": ("d",),
    "def f():\n    global g\n    g = 1\ndef h(): return g": (),
    "class A:\n    x = 1\n    y = x\n    def f(self): return __class__, y2": ("y2",),
    "class A:\n    def f(self): return super().f()": (),
    "try:\n    pass\nexcept ValueError as error: print(error)": (),
    "with open('f') as f, g as h: h": ("g",),
    "def f(x: Frame) -> Out: ...": ("Frame", "Out"),
    "from __future__ import annotations\ndef f(x: Frame): ...": (),
    "lambda q: q + r": ("r",),
    "def f():\n    v = 1\n    def g():\n        nonlocal v\n        v = 2\n    return g": (),
    "from os import *\npath, whatever": (),
    "from os import path\npath, whatever": ("whatever",),
    "class A: x = __qualname__, __module__": (),
    "for i in range(3): pass\ni": (),
    "if (n := 10) > 5: n": (),
    "match v:\n    case {'a': w}: w": ("v",),
    "@endpoint\ndef f(): ...": ("endpoint",),
    "del k": (),
    "e, c, a, d, b": ("a", "b", "c", "d", "e"),
    "__name__, __file__": (),
    "async def f():\n    async with s as t: await t": ("s",),
}


@pytest.mark.parametrize("source", MISSING)
def test_missing_names(source: str) -> None:
    assert read_names(source).missing == MISSING[source]


def test_bound_names() -> None:
    source = "import a.b, c as d\ndef e(): f = 1\nclass g: h = 1\ni, (j, *k) = 1, (2, 3)\n"
    assert read_names(source).bound == {"a", "d", "e", "g", "i", "j", "k"}


def test_functions() -> None:
    source = "def a(): ...\nasync def b(): ...\non_c = 1\nclass D:\n    def e(self): ...\n"
    assert read_names(source).functions == ("a", "b")


def test_what_is_no_python() -> None:
    with pytest.raises(SyntaxError) as raised:
        read_names("def f(:\n", "<cell>")
    assert (raised.value.filename, raised.value.lineno) == ("<cell>", 1)
