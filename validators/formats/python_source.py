"""Python source that starts programs, builds code out of data, or sends secrets away.

Code that a repository brings is refused under ``safe-only`` whatever it does. Where the user
accepts such code, this still names what code of a model has no use for. It reads the syntax tree of
Python's own parser (https://docs.python.org/3/library/ast.html); nothing is compiled or imported.
A list of dangerous names is no proof of the rest: code that hides better gets through, which is why
``safe-only`` is the default.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from itertools import islice

from validators.pickle.values import Global
from validators.pickle.verdicts import danger

MAX_BYTES = 4 << 20
MAX_SIGNS = 20  # of a file that is not parsed
MAX_PARSED_BYTES = 256 << 10  # a syntax tree takes some 500 times that; longer: by its text
_STARTS = re.compile(
    r"os\.(?:system|popen\w*|exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?|startfile|fork|forkpty)"
    r"|(?:posix|nt)\.\w+|subprocess\.\w+|_posixsubprocess\.\w+|pty\.\w+|commands\.\w+|popen2\.\w+"
    r"|asyncio\.(?:subprocess\.)?create_subprocess_\w+|platform\.popen|pexpect\.\w+|sh\.\w+|plumbum\.\w+"
    r"|(?:os|subprocess|pty|posix)\.\*|pip\.(?:\w+\.)*main|distutils\.spawn\.spawn|torch\.utils\.cpp_extension\.load\w*"
)
_HARMLESS_STARTS = frozenset(
    (
        "subprocess.PIPE", "subprocess.STDOUT", "subprocess.DEVNULL",
        "subprocess.CompletedProcess",
        "subprocess.CalledProcessError", "subprocess.TimeoutExpired", "subprocess.SubprocessError",
    )
)  # fmt: skip
_BUILDS = re.compile(
    r"(?:builtins\.|__builtins__\.|__builtin__\.)?(?:eval|exec|execfile|compile|__import__)"
    r"|marshal\.loads?|runpy\.\w+|code\.\w+|codeop\.\w+|imp\.load_\w+|zipimport\.\w+|cffi\.\w+"
    r"|ctypes\.(?:CDLL|PyDLL|WinDLL|OleDLL|(?:cdll|windll|pythonapi)(?:\.\w+)*)"
)
_UNPACKS = re.compile(r"base64\.\w+|codecs\.decode|binascii\.\w+|zlib\.decompress|bz2\.decompress")
_UNPICKLES = re.compile(r"(?:pickle|cPickle|_pickle|dill|cloudpickle)\.loads")
_CALLED_ONLY = frozenset(("eval", "exec", "compile", "execfile", "__import__"))
_WHOLE = frozenset(("os.*", "subprocess.*", "pty.*", "posix.*"))
_BUILTINS = _CALLED_ONLY | {"__builtins__", "builtins", "__builtin__"}
_OUTWARD = re.compile(
    r"requests\.(?:post|put|request|Session)|urllib\.request\.(?:urlopen|Request)|httpx\.\w+|smtplib\.\w+"
    r"|aiohttp\.\w+|http\.client\.\w+|socket\.\w+|ftplib\.\w+|urllib2\.\w+|paramiko\.\w+|dns\.\w+"
)
_SECRET_PLACES = re.compile(
    r"(?:/|~|^)\.(?:ssh|aws|kube|docker|gnupg|netrc|git-credentials|cache/huggingface/token)\b"
    r"|/etc/(?:passwd|shadow)|\bid_(?:rsa|ed25519)\b|/var/run/secrets|/proc/self/environ"
    r"|169\.254\.169\.254|/dev/tcp/"
)
_REMOVERS = frozenset(("shutil.rmtree", "os.removedirs"))
_ALL_FILES = frozenset(("/", "~", "~/", "/home", "/root", "C:\\", "/etc", "/usr", "/var"))
_SHELL_STARTUP = re.compile(
    r"\bLD_PRELOAD\b|\.(?:bashrc|profile|zshrc|bash_profile)\b|authorized_keys|/etc/cron|crontab\b"
)


class _Finder(ast.NodeVisitor):
    """Collects dotted names with what imports made of them."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}  # local name → what it stands for
        self.used: dict[str, int] = {}  # full name → first line
        self.texts: dict[str, int] = {}
        self.environment = 0  # line where all of the environment is taken

    def read(self, tree: ast.AST) -> None:
        # NB: imports first, wherever they stand, so that their order cannot hide a use; the walk
        # keeps a queue of its own, so depth is no matter.
        nodes = list(ast.walk(tree))
        for node in nodes:
            self._import(node)
        for node in nodes:
            self._assign(node)
        for node in nodes:
            self._use(node)

    def _import(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                self.names[bound] = alias.name if alias.asname else bound
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                self.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                if alias.name != "*" or f"{node.module}.*" in _WHOLE:
                    self._note(f"{node.module}.{alias.name}", node.lineno)

    def _assign(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, name = node.targets[0], self.full(node.value)
            if isinstance(target, ast.Name) and name:
                self.names.setdefault(target.id, name)
                if name in _CALLED_ONLY:
                    self._note(name, node.lineno)

    def _use(self, node: ast.AST) -> None:
        if isinstance(node, ast.Attribute | ast.Name | ast.Subscript):
            name = self.full(node)
            if name and name not in _CALLED_ONLY:
                self._note(name, node.lineno)
        if isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Tuple | ast.List | ast.Dict | ast.Return):
            for item in ast.iter_child_nodes(node):
                if (name := self.full(item)) in _CALLED_ONLY:
                    self._note(name, node.lineno)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            self.texts.setdefault(text, node.lineno)

    def _call(self, node: ast.Call) -> None:
        name = self.full(node.func)
        if name:
            self._note(name, node.lineno)
        arguments = [
            self.full(item) for item in (*node.args, *(key.value for key in node.keywords))
        ]
        for argument in arguments:
            if argument in _CALLED_ONLY:
                self._note(argument, node.lineno)
        whole = name in {"os.environ.items", "os.environ.copy"} or "os.environ" in arguments
        self.environment = self.environment or (node.lineno if whole else 0)

    def _note(self, name: str, line: int) -> None:
        self.used.setdefault(name, line)

    def full(self, node: ast.AST) -> str:
        """Give the dotted name that an expression stands for, as far as its text tells."""
        parts: list[str] = []
        while True:
            if isinstance(node, ast.Attribute):
                parts.append(node.attr)
                node = node.value
            elif isinstance(node, ast.Subscript) and (key := _text(node.slice)):
                parts.append(key)
                node = node.value
            elif isinstance(node, ast.Call) and (inner := self._lookup(node)):
                parts.append(inner)
                break
            elif isinstance(node, ast.Name):
                if node.id not in self.names and node.id not in _BUILTINS:
                    return ""  # a variable, which may have the name of a module
                parts.append(self.names.get(node.id, node.id))
                break
            else:
                return ""
        return re.sub(r"^sys\.modules\.", "", ".".join(reversed(parts)))

    def _lookup(self, node: ast.Call) -> str:
        """Resolve ``getattr(os, "system")``, ``__import__("os")`` and ``import_module("os")``."""
        function = node.func
        name = function.id if isinstance(function, ast.Name) else ""
        name = name or (function.attr if isinstance(function, ast.Attribute) else "")
        first = node.args[0] if node.args else None
        if name == "getattr" and len(node.args) > 1 and (key := _text(node.args[1])):
            owner = self.full(node.args[0])
            return f"{owner}.{key}" if owner else ""
        if name in {"__import__", "import_module"} and first is not None:
            return _text(first)
        if name in {"globals", "vars", "locals"} and not node.args:
            return "__builtins__"
        return ""


def _text(node: ast.AST) -> str:
    """Give a text that an expression spells out, also in pieces; empty for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left), _text(node.right)
        return left + right if left and right else ""
    return ""


def dangers(data: bytes) -> Iterator[tuple[str, str, int]]:
    """Yield (what it does, name, line) for each thing that code of a model has no use for.

    Args:
        data: Python source; of what is no Python (another version's) nothing is said.
    """
    if len(data) > MAX_PARSED_BYTES:
        yield from _by_text(data[:MAX_BYTES])
        return
    found = _Finder()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.read(ast.parse(data))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield from _by_text(data[:MAX_BYTES])
        return
    for name, line in found.used.items():
        plain = re.sub(r"^(?:__builtins__|builtins|__builtin__)\.(?:__builtins__\.)?", "", name)
        if _STARTS.fullmatch(name) and name not in _HARMLESS_STARTS:
            yield "starts programs", name, line
        elif _BUILDS.fullmatch(plain) or _BUILDS.fullmatch(name):
            yield "runs code that it builds or fetches", plain, line
    unpickles = next((name for name in found.used if _UNPICKLES.fullmatch(name)), "")
    if unpickles and any(map(_UNPACKS.fullmatch, found.used)):
        yield "unpacks and loads a pickle", unpickles, found.used[unpickles]
    yield from _secrets(found)


def _secrets(found: _Finder) -> Iterator[tuple[str, str, int]]:
    outward = next((name for name in found.used if _OUTWARD.fullmatch(name)), "")
    for text, line in found.texts.items():
        if _SHELL_STARTUP.search(text) and len(text) < 200:  # noqa: PLR2004 - a path, no prose
            yield "changes what the user's shell runs", text, line
        elif outward and _SECRET_PLACES.search(text):
            yield f"takes secrets while it talks to others ({outward})", text, line
    for remover in _REMOVERS & found.used.keys():
        if _ALL_FILES & found.texts.keys():
            yield "removes what is not the model's", remover, found.used[remover]
    if outward and found.environment:
        yield "takes the whole environment while it talks to others", outward, found.environment


_BY_TEXT = re.compile(
    rb"\bos\s*\.\s*(?:system|popen)\b|\bsubprocess\s*\.\s*\w+|__import__\s*\(|(?<![\w.])(?:eval|exec)\s*\("
)


def _by_text(data: bytes) -> Iterator[tuple[str, str, int]]:
    """Look for the plainest signs where the syntax is that of another version."""
    for match in islice(_BY_TEXT.finditer(data.replace(b"\0", b"")), MAX_SIGNS):
        line = data.count(b"\n", 0, match.start()) + 1
        yield "seems to start programs or to run text (it was not parsed)", match[0].decode(), line


def dangerous_name(dotted: str) -> str:
    """Say why a dotted name that a configuration imports is known to be dangerous, else nothing."""
    module, _, name = dotted.replace(":", ".").rpartition(".")
    if not module:
        return "runs code" if name in _CALLED_ONLY else ""
    return danger(Global(module, name))
