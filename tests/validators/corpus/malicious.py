"""Malicious pickles: every way to name, hide and reach a callable that we know of."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.validators.corpus.assemble import (
    ARGUMENT,
    OLD,
    STOP,
    STRINGS,
    binunicode,
    call,
    frame,
    framed,
    g,
    inst,
    payload,
    proto,
    sg,
    short,
)


@dataclass(frozen=True)
class Sample:
    """One malicious file: what the trick is, the name it goes by, and its bytes."""

    title: str
    data: bytes
    file: str = "model.pkl"


# The usual ones, and many that block lists forget.
CALLABLES = (
    ("os", "system"), ("posix", "system"), ("nt", "system"), ("subprocess", "Popen"),
    ("builtins", "eval"), ("builtins", "exec"), ("__builtin__", "eval"), ("builtins", "getattr"),
    ("builtins", "__import__"), ("importlib", "import_module"), ("runpy", "run_path"),
    ("pydoc", "locate"), ("code", "InteractiveInterpreter"), ("timeit", "timeit"),
    ("cProfile", "run"), ("pdb", "run"), ("bdb", "Bdb"), ("trace", "Trace"), ("pty", "spawn"),
    ("asyncio.subprocess", "create_subprocess_shell"), ("multiprocessing.util", "spawnv_passfds"),
    ("_posixsubprocess", "fork_exec"), ("ctypes", "CDLL"), ("marshal", "loads"),
    ("types", "FunctionType"), ("functools", "partial"), ("operator", "methodcaller"),
    ("shutil", "rmtree"), ("socket", "create_connection"), ("urllib.request", "urlretrieve"),
    ("webbrowser", "open"), ("smtplib", "SMTP"), ("pickle", "loads"), ("_pickle", "loads"),
    ("torch", "load"), ("torch.hub", "load"), ("torch.serialization", "load"),
    ("torch.jit", "load"), ("torch.utils.collect_env", "run"), ("numpy", "load"),
    ("numpy.testing._private.utils", "runstring"), ("numpy.f2py.crackfortran", "getlincoef"),
    ("pip", "main"), ("venv", "create"), ("ensurepip", "bootstrap"), ("idlelib.run", "Executive"),
    ("lib2to3.pgen2.grammar", "Grammar"), ("logging.config", "dictConfig"),
    ("pandas", "read_pickle"), ("uuid", "_get_command_stdout"), ("site", "addpackage"),
    ("ssl", "get_server_certificate"), ("transformers", "AutoModel"), ("joblib", "load"),
    ("dill._dill", "_create_function"), ("cloudpickle.cloudpickle", "_make_function"),
    ("sklearn.utils", "_joblib"), ("repo_code", "go"), ("__main__", "go"), ("a", "b"),
)  # fmt: skip

DISGUISES = (
    "model.safetensors", "weights.txt", "config.json", "README", "a.PKL", "x.npy", "m.gguf",
    "tokenizer.model", ".hidden", "data.zip", "w.onnx", "a.py", "model.h5",
)  # fmt: skip


def by_name() -> Iterator[Sample]:
    for module, name in CALLABLES:
        yield Sample(f"{module}.{name} by STACK_GLOBAL", payload(module, name))
        old = g(module, name) + f"(S'{ARGUMENT}'\ntR.".encode()
        yield Sample(f"{module}.{name} by GLOBAL", old)


def by_opcode() -> Iterator[Sample]:
    arg = short(ARGUMENT)
    forms = {
        "INST": b"(" + arg + inst("os", "system") + STOP,
        "OBJ": b"(" + g("os", "system") + arg + b"o.",
        "NEWOBJ": proto(2) + g("subprocess", "Popen") + arg + b"\x85\x81.",
        "NEWOBJ_EX": proto() + sg("subprocess", "Popen") + arg + b"\x85}\x92.",
        "BUILD on a result": proto() + sg("repo", "Thing") + b")\x81}b.",
        "only named": proto(2) + g("os", "system") + STOP,
        "INST that only imports": b"(" + inst("antigravity", "fly") + STOP,
        "REDUCE with a list": proto() + sg("os", "system") + b"]" + arg + b"aR.",
        "REDUCE with a text": proto() + sg("os", "system") + arg + b"R.",
        "EXT1": proto(2) + b"\x82\x01)R.",
        "EXT2": proto(2) + b"\x83\x01\x01)R.",
        "EXT4": proto(2) + b"\x84\x01\0\0\0)R.",
        "persistent id that is called": proto(2) + b"P7\n" + arg + b"\x85R.",
        "binary persistent id that is called": proto(2) + b"K\x07Q" + arg + b"\x85R.",
        "result that is called": proto() + call(sg("collections", "OrderedDict")) + arg + b"\x85R.",
        "attributes of a class": proto() + sg("torch", "Tensor") + b"N}" + short("a") + b"Ns\x86b.",
        "in a dictionary": proto() + b"}" + short("k") + call(sg("os", "system")) + b"s.",
        "in a list": proto() + b"](" + call(sg("os", "system")) + b"e.",
        "in a set": proto() + b"\x8f(" + call(sg("os", "system")) + b"\x90.",
        "in a frozenset": proto() + b"(" + call(sg("os", "system")) + b"\x91.",
        "popped": proto() + call(sg("os", "system")) + b"0N.",
        "popped by mark": proto() + b"(" + call(sg("os", "system")) + b"1N.",
        "behind a mark": proto() + b"((((" + call(sg("os", "system")) + STOP,
        "duplicated": proto() + sg("os", "system") + b"2" + arg + b"\x85R.",
        "as argument of a listed caller": proto() + sg("torch._tensor", "_rebuild_from_type_v2")
        + b"(" + sg("os", "system") + sg("torch", "Tensor") + arg + b"\x85}tR.",
        "constructor of a class for instances": proto() + call(sg("ultralytics.nn.tasks",
        "DetectionModel")) + STOP,
        "class for instances by memo": proto() + sg("torch.nn.modules.linear", "Linear")
        + b"\x940h\0)R.",
        "class to be named only": proto() + call(sg("pytorch_lightning.callbacks.model_checkpoint",
        "ModelCheckpoint")) + STOP,
        "class to be named only, through a caller": proto() + sg("torch._tensor",
        "_rebuild_from_type_v2") + b"(" + sg("pytorch_lightning.callbacks.model_checkpoint",
        "ModelCheckpoint") + sg("torch", "Tensor") + arg + b"\x85}tR.",
        "class to be named only, through append": proto() + sg("types", "SimpleNamespace")
        + b")\x81}" + short("append") + sg("pytorch_lightning.callbacks.model_checkpoint",
        "ModelCheckpoint") + b"sb" + arg + b"a.",
        "class to be named only, through a constructor of others": proto() + sg("copyreg",
        "_reconstructor") + sg("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint")
        + b"2" + arg + b"\x87R.",
        "attributes of what the loader gave": proto(2) + b"(" + short("module")
        + sg("torch", "Tensor") + b"tQN}" + short("a") + b"Ns\x86b.",
        "items of a tensor": proto(2) + g("torch._utils", "_rebuild_tensor_v2") + b")R" + arg
        + b"Ns.",
        "module whose file has an odd name, broken off": b"cmy-module\ngo\n" + arg + b"\x85R\xff",
    }  # fmt: skip
    for title, data in forms.items():
        yield Sample(title, data)


def by_text() -> Iterator[Sample]:
    end = short(ARGUMENT) + b"\x85R."
    for make in STRINGS[1:]:
        yield Sample(
            f"names by {make.__name__}", proto() + make("os") + make("system") + b"\x93" + end
        )
    for module, name in (
        ("logging", "os.system"),
        ("numpy", "f2py.os.system"),
        ("torch", "os.system"),
        ("collections", "OrderedDict.__init__.__globals__"),
        ("torch._utils", "sys.modules"),
    ):
        yield Sample(f"dotted {module} {name}", proto() + call(sg(module, name)) + STOP)
    yield Sample("computed name", proto() + short("os") + call(sg("builtins", "str"), "system")
                 + b"\x93" + end)  # fmt: skip
    yield Sample("longest name", proto() + short("os") + binunicode("x" * 70_000) + b"\x93" + end)
    yield Sample("blanks in a name", g(" os", "system") + b"(S'true'\ntR.")
    yield Sample("carriage returns", b"cos\r\nsystem\r\n(S'true'\ntR.")
    yield Sample("argument that looks like an end", proto() + short(".") + b"0" + payload()[2:])
    yield Sample("payload in a string's place", proto() + b"U\x04" + b"N.N." + b"0" + payload()[2:])


def by_memo() -> Iterator[Sample]:
    end = short(ARGUMENT) + b"\x85R."
    os, system = short("os"), short("system")
    memos = {
        "MEMOIZE and BINGET": os + b"\x940" + system + b"\x940h\0h\1\x93",
        "PUT and GET": os + b"p5\n0" + system + b"p6\n0g5\ng6\n\x93",
        "LONG_BINPUT": os + b"r\0\1\0\0" + b"0" + system + b"0j\0\1\0\0" + system + b"\x93",
        "overwritten": short("collections")
        + b"q\0"
        + b"0"
        + os
        + b"q\0"
        + b"0h\0"
        + system
        + b"\x93",
        "far, then dense": os + b"q\2" + b"0" + system + b"\x940" + b"h\2h\1\x93",
        "PUT with NUL": os + b"p7\0x\n0g7\n" + system + b"\x93",
        "GET with plus": os + b"p7\n0g+7\n" + system + b"\x93",
        "the global itself": sg("os", "system") + b"\x940h\0",
        "from a tuple's place": os + system + b"\x86\x940" + os + system + b"\x93",
        "DUP of the module": b"\x8c\x02os2\x940" + system + b"\x93",
        "reordered": system + b"\x940" + os + b"h\0\x93",
    }
    for title, code in memos.items():
        yield Sample(f"memo: {title}", proto() + code + end)


def by_literal() -> Iterator[Sample]:
    for title, code in {
        "INT in hex": b"I0x1\n", "LONG in hex": b"L0x1L\n", "INT with NUL": b"I1\0\n",
        "LONG with NUL": b"L1\0L\n", "INT in octal": b"I010\n", "INT with underscore": b"I1_0\n",
        "FLOAT with NUL": b"F1.5\0x\n", "FLOAT nan": b"Fnan\n", "STRING beyond ASCII": b"S'\xff'\n",
        "STRING with blanks": b"S'a' \n", "SHORT_BINSTRING beyond ASCII": b"U\1\xff",
        "INT with blanks": b"I 1\n", "LONG1 of nothing": b"\x8a\0", "NEXT_BUFFER": b"\x97",
        "BYTEARRAY8": b"\x96\1\0\0\0\0\0\0\0x", "wide BININT": b"J\xff\xff\xff\xff",
    }.items():  # fmt: skip
        yield Sample(f"literal: {title}", proto() + code + b"0" + payload()[2:])


def by_frame() -> Iterator[Sample]:
    body = payload()[2:]
    yield Sample("frame", framed(body))
    yield Sample("frame too long", proto() + frame(1 << 40) + body)
    yield Sample("frame too short", proto() + frame(3) + body)
    inner = b"(" + short(ARGUMENT) + inst("os", "system")
    yield Sample("frame that reaches behind its pickle", proto() + frame(6) + b"N.junk" + inner)
    yield Sample("frame of nothing", proto() + frame(0) + body)
    yield Sample("frame in a frame", proto() + frame(9 + len(body)) + frame(len(body)) + body)
    # The C unpickler forgets what is left of the frame: it sees os.system, others see xxxos.
    yield Sample(
        "frame that hides a name", proto(2) + frame(4) + b"cxxx" + b"os\nsystem\n(S'true'\ntR."
    )
    yield Sample("protocol in the midst", proto(2) + b"N0" + proto(4) + body)
    yield Sample("protocol 0 that says 5", proto(5) + OLD)


def by_stream() -> Iterator[Sample]:
    evil = payload()
    yield Sample("second pickle", proto() + b"N." + evil)
    yield Sample("hundredth pickle", b"N." * 99 + evil)
    yield Sample("second pickle in an old protocol", b"N." + OLD)
    yield Sample("trailing bytes", evil + b"\0" * 100)
    yield Sample("behind junk", proto() + b"N." + b"\0\1junk" + evil)
    yield Sample("behind junk in an old protocol", proto() + b"N.\0\1" + OLD)
    for cut in (1, 2):
        yield Sample(f"cut by {cut}", evil[:-cut] if cut == 1 else evil[:-1] + b"\xff")
    yield Sample("broken behind the payload", evil[:-1] + b"\xff\xfe nonsense")
    yield Sample("old, broken behind the payload", OLD[:-1] + b"\xff")
    yield Sample("old, then text", OLD[:-1] + b"this is only text\n")
    yield Sample("old, then an unknown memo entry", OLD[:-1] + b"g99\n.")
    yield Sample("mark in the wrong place", b"(cposix\nsystem\nS'true'\ntR.")
    yield Sample("comment behind the global", b"cposix\nsystem\n#\n(S'true'\ntR.")
    yield Sample("string without an end", b"(cpty\nspawn\nS'true'o.")
    yield Sample("underflow behind an odd byte", b"(I42\ncctypes\nc_void_p\n\x86R.")
    yield Sample("stack underflow behind the payload", evil[:-1] + b"0000000.")
    yield Sample("memo of the pickle before", proto() + short("os") + b"\x94." + proto()
                 + b"h\0" + short("system") + b"\x93" + short("x") + b"\x85R.")  # fmt: skip
    magic = proto(2) + b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19." + proto(2) + b"M\xe9\x03."
    yield Sample("torch's legacy format", magic + proto(2) + b"}." + evil)
    yield Sample("torch's legacy system information", magic + evil)
    yield Sample("torch's legacy key list", magic + proto(2) + b"}." + proto(2) + b"}." + evil)


def by_disguise() -> Iterator[Sample]:
    evil = payload()
    for name in DISGUISES:
        yield Sample(f"named {name}", evil, name)
        yield Sample(f"old, named {name}", OLD, name)
    yield Sample("begins like a GIF", b"GIF89a\0\0\0" + b"0" + OLD, "a.gif")
    yield Sample("begins like a GGUF", b"GGUF\3\0\0\0\0" + b"0" + evil, "a.gguf")
    yield Sample("begins like a shell script", b"(" + OLD, "a.sh")
    yield Sample("begins like LZMA", b"]0" + evil[2:], "a.lzma")
    yield Sample("begins like zstd", b"(1" + evil[2:], "a.zst")


def samples() -> list[Sample]:
    groups = (by_name, by_opcode, by_text, by_memo, by_literal, by_frame, by_stream, by_disguise)
    return [sample for group in groups for sample in group()]
