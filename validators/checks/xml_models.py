"""Check `xml-models`: OpenVINO and PMML, and XML that makes its reader open other files.

A document type can name files and addresses that parsers fetch, or entities that grow without end
(https://owasp.org/www-community/vulnerabilities/XML_External_Entity_(XXE)_Processing); no model
needs one. OpenVINO runs layers from outside its operator sets by libraries that a program loads
(https://docs.openvino.ai/2025/documentation/openvino-extensibility.html). The text is looked
through, never parsed as XML.

``security.allowOperators``: layers accepted all the same, each ``openvino::Type``.
"""

import re
from collections.abc import Iterator

from validators.base import Check, Model
from validators.formats.code_text import code_problem
from validators.formats.configs import text_of
from validators.formats.policy import allow, code_severity
from validators.formats.problem import Problem
from validators.formats.source import MEMORY_BYTES, Source, judged_by, shown

NAME = "xml-models"
ENDINGS = (".xml", ".pmml")
MAX_BYTES = 24 << 20
MAX_LAYERS = 100_000
_XML = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*<\0?[?!A-Za-z]")
_ENCODING = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([^\"']{0,40})")
_ENCODINGS = frozenset((b"utf-8", b"utf8", b"us-ascii", b"ascii", b"iso-8859-1", b"windows-1252"))
_WIDE = frozenset((b"utf-16", b"utf-16le", b"utf-16be"))
_MODEL = re.compile(r"<(?:\w+:)?(net|PMML)[\s>]")
_OUTSIDE = re.compile(
    r"<!ENTITY\s[^<>]{0,300}?\b(?:SYSTEM|PUBLIC)\b[^>]{0,120}"
    r"|<(?:\w+:)?include\s[^<>]{0,300}?\bhref\s*=[^>]{0,120}"
)
_NESTED = re.compile(
    r"<!ENTITY\s{1,9}(?:%\s{1,9})?[^\s<>]{1,99}\s{1,9}[\"'][^\"'<]{0,2000}?[&%]\w{1,99};"
)
_TYPE = re.compile(r"<!DOCTYPE[^<>\[]{0,999}(?:\[|>)|<!ENTITY[^>]{0,120}")
_LAYER = re.compile(r"<layer\s([^<>]{0,2000})>")
_ATTRIBUTE = re.compile(r"([\w:]+)\s*=\s*[\"']([^\"']*)[\"']")
_OWN_VERSION = re.compile(r"opset\d{1,2}|ie_internal_opset|type_relaxed_opset|util|")
_LIBRARY = re.compile(r"\b(\w+)\s*=\s*[\"']([^\"']{0,300}\.(?:so(?:\.\d+)*|dll|dylib))[\"']")
_PLACE = re.compile(r"\boffset\s*=\s*\"(\d{1,19})\"[^>]{0,300}?\bsize\s*=\s*\"(\d{1,19})\"")
# Layers of openvino_tokenizers, which published models bring as a model of their own.
_TOKENIZER = re.compile(
    r"(?:String|Regex|BPE|Bytes|Case|CharsMap|Chars|Combine|Equal|Fuze|Fuse|Normalize|Ragged|Sentencepiece"
    r"|SentencePiece|Special|Truncate|Trie|Unigram|UTF8|VocabDecoder|VocabEncoder|Wordpiece|WordPiece)\w*"
)
_REMEDY = "remove the document type, or leave the file out of the model"


def _judge(source: Source, model: Model) -> Iterator[Problem]:
    start = source.read(0, 256)
    named = source.base.endswith(ENDINGS)
    if not _XML.match(start) or not (named or b"<?xml" in start or b"<PMML" in start):
        return
    data = source.read(0, MAX_BYTES + 1)
    declared = _ENCODING.search(data[:512])
    encoding = declared[1].lower() if declared else b"utf-8"
    if encoding not in _ENCODINGS | _WIDE:
        message = "the XML is in an encoding in which others than its reader cannot look through it"
        yield Problem("xml-encoding", message, shown(encoding), _REMEDY)
    text = _without_comments(_text(data))
    yield from _entities(text, is_model=_MODEL.search(text[:65536]) is not None)
    root = _MODEL.search(text)
    if root is None:
        return
    if len(data) > MAX_BYTES:
        message = "the XML is longer than what is looked through"
        yield Problem("xml-size", message, f"more than {MAX_BYTES} B", _REMEDY)
    yield from code_problem("", text.encode("utf-8", "replace"))
    if root[1] == "net":
        yield from _layers(text, model)
        yield from _weights(text, source, model)


def _text(data: bytes) -> str:
    if data[1:2] == b"\0" or data[:1] == b"\0":  # UTF-16 without its mark
        return data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-16-be", "replace")
    return text_of(data)


def _without_comments(text: str) -> str:
    """Take comments out in one pass, where an expression would take one for each beginning."""
    parts, place = [], 0
    while (start := text.find("<!--", place)) >= 0:
        end = text.find("-->", start + 4)
        if end < 0:
            break
        parts.append(text[place:start])
        place = end + 3
    return "".join((*parts, text[place:]))


def _entities(text: str, *, is_model: bool) -> Iterator[Problem]:
    if match := _OUTSIDE.search(text):
        message = "the XML makes its reader open another file or address"
        yield Problem("xml-entity", message, shown(match[0]), _REMEDY)
    elif match := _NESTED.search(text):
        message = "the XML builds entities out of entities, which grow without end"
        yield Problem("xml-entity", message, shown(match[0]), _REMEDY)
    elif is_model and (match := _TYPE.search(text)):
        message = "the model has a document type, which no model needs"
        yield Problem("xml-entity", message, shown(match[0]), _REMEDY)


def _layers(text: str, model: Model) -> Iterator[Problem]:
    if match := _LIBRARY.search(text):
        message = "the model names a library that its reader may load"
        yield Problem("native-library", message, shown(match[0]), _REMEDY)
    allowed = set(model.security.get("allowOperators", ()))
    custom: dict[str, str] = {}
    for count, match in enumerate(_LAYER.finditer(text)):
        attributes = dict(_ATTRIBUTE.findall(match[1]))
        kind, version = attributes.get("type", ""), attributes.get("version", "")
        own = _OWN_VERSION.fullmatch(version) or _TOKENIZER.fullmatch(kind)
        if not own or kind == "Python" or "custom" in kind.casefold():
            custom.setdefault(kind, version)
        if count > MAX_LAYERS:
            break
    for kind, version in sorted(custom.items()):
        if (name := f"openvino::{kind}") not in allowed:
            message = "a layer is of no operator set of OpenVINO, a library would have to bring it"
            remedy, severity = allow("allowOperators", name), code_severity(model)
            yield Problem("custom-operator", message, shown((kind, version)), remedy, severity)


def _weights(text: str, source: Source, model: Model) -> Iterator[Problem]:
    path = f"{source.name.removesuffix('.xml')}.bin"
    size = next((file.size for file in model.files if file.path == path), None)
    if size is None:
        return
    for match in _PLACE.finditer(text):
        if int(match[1]) + int(match[2]) > size:
            message = "a layer's weights lie behind the end of their file"
            yield Problem("offset-range", message, f"{shown(match[0][:80])}: {size} B", _REMEDY)
            return


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
