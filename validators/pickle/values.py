"""What the walker knows of the objects that an unpickler would have on its stack."""

from dataclasses import dataclass, field


class Kind:
    """One of the few things a value can be when its content does not matter."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


DATA = Kind("DATA")  # a number, a list, bytes …: neither a name nor callable
TUPLE = Kind("TUPLE")  # a tuple of whatever
INSTANCE = Kind("INSTANCE")  # what a class's `__new__` gave: no name, but it may be callable
OPAQUE = Kind("OPAQUE")  # what a call gave, or a string too many to keep
TENSOR = Kind("TENSOR")  # what torch rebuilt
LOADED = Kind("LOADED")  # what the loader gave for a persistent id: anything, also a class


@dataclass(frozen=True)
class Global:
    """What ``find_class(module, name)`` gives; `name` may have dots."""

    module: str
    name: str

    def __str__(self) -> str:
        separator = ":" if "." in self.name else "."
        return f"{self.module}{separator}{self.name}"


@dataclass
class Wrapper:
    """An instance of joblib's array wrapper: raw array bytes follow the opcode that fills it."""

    state: "dict[bytes, Value]" = field(default_factory=dict)


@dataclass
class Dtype:
    """A ``numpy.dtype`` made from a string, e.g. ``f8``; `size` in bytes, None where unknown."""

    code: bytes
    size: int | None = None


# NB: `bytes` stands for a str of the pickle, undecoded; `int`, `tuple` and `dict` are
# only kept by walks that need them (joblib arrays, torch's tar format).
Value = Kind | Global | Wrapper | Dtype | bytes | int | tuple["Value", ...] | dict[bytes, "Value"]


@dataclass
class Use:
    """How a pickle uses one global.

    Attributes:
        first: offset of the opcode that first names it.
        count: how often it is named.
        pushed: how often it gets onto the stack, by name or from the memo.
        instances: how often it is used for nothing but ``cls.__new__(cls, …)``.
        keys: how often it becomes the key of a dictionary.
        called: whether it is called with arguments of the pickle's.
        looked_up: how often it is `getattr` that takes an attribute, plainly named, of a class.
        owners: the classes of which it does.
        constructed: whether one of these calls is more than ``cls.__new__(cls, …)``.
    """

    first: int
    count: int = 0
    pushed: int = 0
    instances: int = 0
    keys: int = 0
    called: bool = False
    looked_up: int = 0
    owners: set[Global] = field(default_factory=set)
    constructed: bool = False

    @property
    def only_instances(self) -> bool:
        """Whether the pickle does no more with the class than make instances, without a call."""
        return self.pushed == self.instances and not self.constructed

    @property
    def only_keys(self) -> bool:
        """Whether the pickle does no more with the class than to use it as a key."""
        return self.pushed == self.keys and not self.called


@dataclass
class Pickle:
    """What one pickle of a stream would do.

    Attributes:
        start: absolute offset.
        end: absolute offset behind the last byte that was read as opcode.
        uses: the globals it reaches.
        notes: other things that make it suspicious, as (rule, message, offset).
        complete: whether STOP was reached.
        declared: whether it begins with PROTO.
        stopped: why the walk ended where no STOP did.
        opcodes: how many were read.
        effort: what the walk has cost, in opcodes of the common kind.
        persistent: how many persistent ids it hands to its loader.
        called: whether anything is called at all.
        result: what is on top of the stack in the end.
    """

    start: int
    end: int = 0
    uses: dict[Global, Use] = field(default_factory=dict)
    notes: list[tuple[str, str, int]] = field(default_factory=list)
    complete: bool = False
    declared: bool = False
    stopped: str = ""
    opcodes: int = 0
    effort: int = 0
    persistent: int = 0
    called: bool = False
    result: Value = OPAQUE
