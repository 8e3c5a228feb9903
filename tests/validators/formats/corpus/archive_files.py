"""Archives whose members leave through links, or hide one another; and ordinary ones."""

import io
import tarfile
import zipfile

from tests.validators.formats.corpus.case import Case
from tests.validators.formats.corpus.code_files import tarred, zipped

LINK = 0o120777 << 16


def tar_of(*members: tuple[str, str | None]) -> bytes:
    """Write a tar of (name, target of a symbolic link, or None for a file)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for name, target in members:
            info = tarfile.TarInfo(name)
            info.type = tarfile.REGTYPE if target is None else tarfile.SYMTYPE
            info.linkname = target or ""
            file.addfile(info)
    return buffer.getvalue()


def zip_of(*members: tuple[str, str | None]) -> bytes:
    """Write a zip of the same."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, target in members:
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            info.external_attr = 0o100644 << 16 if target is None else LINK
            file.writestr(info, target or "x")
    return buffer.getvalue()


CHAIN = (("d", "."), ("d/up", ".."), ("d/up/x", None))
LIES = {
    "tar-chain": ("through-link", tar_of(*CHAIN)),
    "zip-chain": ("through-link", zip_of(*CHAIN)),
    "tar-below": ("through-link", tar_of(("d", "e"), ("e/y", None), ("d/x", None))),
    "tar-dots": ("through-link", tar_of(("./d", "e"), ("d/./x", None))),
    "tar-backslash": ("through-link", tar_of(("d", "e"), ("d\\x", None))),
    "nested": ("through-link", tarred(("a.zip", zip_of(*CHAIN)))),
    "twice": ("duplicate-member", tarred(("a", b"1"), ("a", b"2"))),
    "twice-zip": ("duplicate-member", zipped(("a", b"1"), ("./a", b"2"))),
    "file-then-link": ("duplicate-member", tar_of(("a", None), ("a", "b"))),
}


def malicious() -> list[Case]:
    """Give every archive that must be refused."""
    return [Case(f"archives/{name}", {"m.nemo": data}, rule) for name, (rule, data) in LIES.items()]


def benign() -> list[Case]:
    """Give ordinary archives."""
    links = (("a", None), ("b", "a"), ("c/d", "e"), ("c/e", None))
    return [
        Case("archives/tar", {"m.tar": tarred(("a", b"1"), ("b/a", b"2"))}),
        Case("archives/tar-links", {"m.tar": tar_of(*links)}),
        Case("archives/zip-links", {"m.zip": zip_of(*links)}),
        Case("archives/gzip", {"m.tar.gz": tarred(("a", b"1"), mode="w:gz")}),
    ]
