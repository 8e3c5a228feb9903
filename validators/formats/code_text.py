"""Text that is code, in places where a model keeps descriptions, names and numbers.

Nothing that only loads the model runs such a text. It is there for something that does: a viewer
that shows it, a script that evaluates it, a loader with a hole. No honest model of those surveyed
has any of it in its metadata.
"""

import re
from collections.abc import Iterable, Iterator

from validators.formats.problem import Problem
from validators.formats.source import Source, shown

WINDOW_BYTES = 512 << 10  # looked through at each end of a file without a reader
_PYTHON = (
    rb"\bos\.(?:system|popen|exec[lv]p?e?|spawn[lv]p?e?|execute|environ)\b"
    rb"|\bsubprocess\.(?:Popen|run|call|check_call|check_output|getoutput|getstatusoutput)\b"
    rb"|__import__\s*\(|\b__builtins__\b|\b__globals__\b|\b__subclasses__\b"
    rb"|\b(?:eval|exec)\s*\(\s*(?:compile|base64|bytes|open|request|input|__|[\"'`]|\w+\))"
    rb"|\b(?:base64\.b64decode|marshal\.loads|pickle\.loads?|importlib\.import_module|runpy\.run_\w+)\s*\("
    rb"|\bimport\s+(?:os|subprocess|socket|pty)\s*(?:;|$|\r?\n)"
)
_SHELL = (
    rb"\b(?:curl|wget)\b[^\n\0|]{0,200}+\|\s*(?:sudo\s+)?(?:ba|z|da|k)?sh\b"
    rb"|/bin/(?:ba|z|da|k)?sh\b|/dev/(?:tcp|udp)/|\bnc(?:at)?\s+-[a-z]*e\b"
    rb"|\b(?:bash|sh)\s+-c\s+[\"']|\bcmd(?:\.exe)?\s+/[ck]\b|\bpowershell(?:\.exe)?\s+-\w"
    rb"|\brm\s+-[rf]{2}\s+[/~*.]|\bchmod\s+(?:\+x|0?7[0-7]{2})\s+/"
)
_OTHER = (
    rb"<script[\s>]|javascript:[a-z(]|\bio\.popen\s*\(|\bloadstring\s*\(|\bpackage\.loadlib\s*\("
    rb"|\bbase::+(?:system2?|eval|source|shell)\s*\(|\bRuntime\.getRuntime\s*\(|\bProcessBuilder\s*\("
)
_CODE = re.compile(b"|".join((_PYTHON, _SHELL, _OTHER)), re.IGNORECASE)
# One of these is in whatever the expression finds; to look for them first is ten times faster.
_SIGNS = (
    b"os.system", b"os.popen", b"os.exec", b"os.spawn", b"os.environ", b"subprocess.",
    b"__import__",
    b"__builtins__", b"__globals__", b"__subclasses__", b"eval", b"exec", b"base64.", b"marshal.",
    b"pickle.", b"importlib.", b"runpy.", b"import", b"curl", b"wget", b"/bin/", b"/dev/", b"nc -",
    b"ncat -", b"sh -c", b"cmd /", b"cmd.exe", b"powershell", b"rm -", b"chmod ", b"<script",
    b"javascript:", b"io.popen", b"loadstring", b"loadlib", b"base::", b"getruntime",
    b"processbuilder",
)  # fmt: skip
_BEFORE, _BEHIND = 16, 320  # bytes around a sign that are looked at
MAX_SIGNS = 2000  # looked at one by one; where there are more, the text is searched as a whole
MAX_TEXT_BYTES = 1 << 20  # of one text
MAX_TEXTS_BYTES = 2 << 20  # of all descriptions in one file
_REMEDY = "leave the file out of the model, or remove the text from it"


def code_in(data: bytes) -> str:
    """Give the first piece of a text that is code; empty when there is none."""
    match = _match(data)
    return data[match.start() :][:80].decode("utf-8", "backslashreplace") if match else ""


def _match(data: bytes) -> re.Match[bytes] | None:
    plain, looked = data.lower(), 0
    for sign in _SIGNS:
        place = plain.find(sign)
        while place >= 0:
            start = max(place - _BEFORE, 0)
            if match := _CODE.search(data, start, place + _BEHIND):
                return match
            looked += 1
            if looked > MAX_SIGNS:
                return _CODE.search(data)
            place = plain.find(sign, place + len(sign))
    return None


def code_problem(place: str, data: bytes) -> Iterator[Problem]:
    """Judge one text of a model; `place` says which."""
    if found := code_in(data[:MAX_TEXT_BYTES]):
        trigger = f"{place}: {shown(found)}" if place else shown(found)
        yield Problem("code-text", "a text in the model is code", trigger, _REMEDY)


def code_problems(texts: Iterable[tuple[str, bytes]]) -> Iterator[Problem]:
    """Judge the descriptions of one file, by their places, as far as they are looked at in all."""
    left = MAX_TEXTS_BYTES
    for place, data in texts:
        yield from code_problem(place, data[:left])
        left -= len(data)
        if left <= 0:
            return


def code_anywhere(source: Source) -> Iterator[Problem]:
    """Look through the beginning and the end of a file of which nothing else is read."""
    data = source.read(0, WINDOW_BYTES)
    if len(data) == WINDOW_BYTES and source.size > WINDOW_BYTES:
        data += source.read(max(source.size - WINDOW_BYTES, WINDOW_BYTES), WINDOW_BYTES)
    yield from code_problem("", data)
