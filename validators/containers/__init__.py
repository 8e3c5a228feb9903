"""Containers: what a file holds, found by content, in bounded memory and time.

    for member in walk(file):
        member.path   # "model.zip!archive/data.pkl"
        member.kind   # "zip", "npy", "safetensors", "elf", "text", … by its bytes, never by its
        name member.head   # its first 4 KiB member.size   # None where only unpacking everything
        would tell member.open() # a seekable binary file; member.source.read_at(offset, count) for
        random access

A member is readable only while the walk goes on. What cannot be opened (encrypted, too deep, too
many, a bomb, an unknown method) is told to the second argument of `walk`; the check ``file-types``
already makes findings of that.
"""

from validators.containers.limits import HEAD_BYTES, Trouble
from validators.containers.magic import identify, is_text, kinds
from validators.containers.sources import Source
from validators.containers.walk import Member, walk, walk_source

__all__ = [
    "HEAD_BYTES",
    "Member",
    "Source",
    "Trouble",
    "identify",
    "is_text",
    "kinds",
    "walk",
    "walk_source",
]
