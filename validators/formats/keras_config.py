"""Keras configurations that name code: lambdas, modules that are not Keras's, files, wrappers.

Keras rebuilds a model from nested ``{"module": …, "class_name": …, "config": …}``
(https://keras.io/api/models/model_saving_apis/serialization_utils/). Versions differ in what they
import for it: CVE-2024-3660 (lambdas without safe mode), CVE-2025-1550 (any module), CVE-2025-8747
and CVE-2025-9906 (Keras's own helpers as gadgets), CVE-2025-12058 (vocabularies from files),
CVE-2025-49655 (`TorchModuleWrapper`). The rule is the same for all of them: a name must lead to a
class or function of Keras that computes.
"""

import re
from collections.abc import Iterator
from typing import Any

from validators.base import Model
from validators.formats.code_text import code_problem
from validators.formats.json_text import Document, walk
from validators.formats.keras_names import CLASSES, FUNCTIONS, OPTIMIZERS
from validators.formats.policy import allow, code_severity
from validators.formats.problem import Problem
from validators.formats.python_source import dangerous_name
from validators.formats.source import shown

_PACKAGES = (
    r"(?:keras|tf_keras|keras_core|tensorflow\.keras|tensorflow\.python\.keras|tf_keras\.src)"
)
_AREAS = (
    "activations|constraints|dtype_policies|engine|feature_column|initializers|layers|legacy_tf_layers"
    "|losses|metrics|mixed_precision|models|ops|optimizers|quantizers|random|regularizers"
)
_KERAS_MODULE = re.compile(
    rf"{_PACKAGES}(?:(?:\.src)?(?:\.(?:{_AREAS})(?:\.[a-z0-9_]+)*|\.backend\.[a-z]+\.optimizers\.[a-z_]+)"
    rf"|\.api\.(?:_v2\.keras\.)?(?:{_AREAS}))?"
)
_FUNCTION_MODULE = re.compile(
    rf"{_PACKAGES}(?:\.src)?\.(?:activations|constraints|initializers|losses|metrics|ops|regularizers)"
    r"(?:\.[a-z0-9_]+)*"
)
_HUB_MODULE = re.compile(
    r"keras_(?:hub|nlp|cv)(?:\.src)?(?:\.(?:models|layers|tokenizers)(?:\.\w+)*)?"
)
_CLASS_NAME = re.compile(r"[A-Z][A-Za-z0-9_]*")
_VALUES = frozenset(
    (
        "__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__",
        # In the metadata of SavedModels of Keras 2; types are looked up in a registry.
        "__tuple__", "TensorShape", "TypeSpec",
    )
)  # fmt: skip
# What Keras 2 writes into a SavedModel for tuples, shapes and types; they hold no `config`.
_PLAIN_VALUES = frozenset(("__tuple__", "TensorShape", "TypeSpec", "CompositeTensor"))
_LOADERS = frozenset(("TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer", "__typespec__"))
_FILE_KEYS = frozenset(
    ("filepath", "file_path", "filename", "fname", "origin", "cache_dir", "vocabulary_file", "url")
)
MAX_TEXT = 4096  # characters of a text that is looked at for code; longer ones are vocabularies
_OWN = frozenset(("builtins", "keras", "tf_keras", "keras_core", "tensorflow", "numpy"))
# CVE-2025-8747, CVE-2025-9906
_HELPERS = re.compile(r"(?:[\w.]+\.)?(?:get_file|enable_unsafe_deserialization|load_img|pad_file)")
_TF_FUNCTIONS = re.compile(
    r"(compat\.v\d\.)?(io|data|summary|saved_model|raw_ops|distribute|config|debugging|autograph"
    r"|py_function|py_func|numpy_function|load_\w+|print|function|experimental)(\..*)?"
)


def is_config(value: Any) -> bool:
    """Whether parsed JSON is a configuration of Keras, or holds one where exporters put it."""
    if not isinstance(value, dict):
        return False
    own = isinstance(value.get("class_name"), str) and "config" in value
    return own or "keras_version" in value or "modelTopology" in value


def config_problems(document: Document, model: Model) -> Iterator[Problem]:
    """Judge every object that a configuration describes, however deep."""
    allowed = set(model.security.get("allowGlobals", ()))
    for place, value in walk(document):
        if not isinstance(value, dict):
            continue
        if "class_name" in value:
            for problem in _object(value, model):
                if not _names(value) & allowed:
                    yield _located(problem, place)
        yield from (_located(problem, place) for problem in (*_files(value), *_texts(value)))
    for name in dict.fromkeys(document.duplicates):
        message = "a name comes twice in one object, and readers take different ones"
        yield Problem("duplicate-name", message, shown(name))


def _located(problem: Problem, place: str) -> Problem:
    trigger = f"{problem.trigger} at {shown(place)}"
    return Problem(problem.rule, problem.message, trigger, problem.remedy, problem.severity)


def _names(value: dict[str, Any]) -> set[str]:
    """Give the names by which a user can accept an object."""
    inner = value.get("config") if value.get("class_name") == "function" else None
    name = inner if isinstance(inner, str) else value.get("class_name")
    module, registered = value.get("module"), value.get("registered_name")
    full = f"{module}.{name}" if module else str(name)
    return {full, registered} if isinstance(registered, str) and registered else {full}


def _refused(rule: str, message: str, value: dict[str, Any], **severity: Any) -> Problem:
    name = min(_names(value))
    return Problem(rule, message, shown(name), allow("allowGlobals", name), **severity)


def _object(value: dict[str, Any], model: Model) -> Iterator[Problem]:
    name, module = value["class_name"], value.get("module")
    registered = value.get("registered_name")
    if not all(isinstance(item, str | None) for item in (name, module, registered)) or not name:
        yield Problem("keras-name", "a name of a class is no text", shown((module, name)))
        return
    last = {name, str(registered).rpartition(">")[2]}
    if last & {"Lambda", "__lambda__"}:
        yield _lambda(value)
    elif last & _LOADERS:
        message = "a layer brings or loads code of its own"
        yield _refused("keras-code", message, value)
    elif name == "function":
        yield from _function(value, module)
    elif not _is_value(value, name, module):
        yield from _class(value, name, module, model)
    if registered and module and _odd(registered, value):
        message = "the registered name of an object is not the one of its class"
        yield _refused("keras-name", message, value)


def _is_value(value: dict[str, Any], name: str, module: str | None) -> bool:
    plain = name in _PLAIN_VALUES and module is None and "config" not in value
    return plain or name in _VALUES


def _odd(registered: str, value: dict[str, Any]) -> bool:
    names = (
        {value["class_name"], value.get("config")} if value["class_name"] == "function" else set()
    )
    return registered.rpartition(">")[2] not in {value["class_name"], *names}


def _lambda(value: dict[str, Any]) -> Problem:
    config = value.get("config")
    function = config.get("function") if isinstance(config, dict) else config
    if isinstance(function, str):
        # NB: with a `module` beside it, Keras 2 takes the function out of any loaded module.
        message = "a Lambda layer calls a function that it only names"
        return _refused("keras-lambda", message, value)
    message = "a Lambda layer carries compiled Python code"
    return _refused("keras-lambda", message, value)


def _function(value: dict[str, Any], module: str | None) -> Iterator[Problem]:
    name = value.get("config")
    plain = isinstance(name, str) and name.isidentifier()
    if module in (None, "builtins"):
        known = plain and name in FUNCTIONS
    else:
        known = plain and _FUNCTION_MODULE.fullmatch(module) is not None
    if not known:
        message = "a function is named that is none of Keras's own for computing"
        yield _refused("keras-module", message, value)


def _class(value: dict[str, Any], name: str, module: str | None, model: Model) -> Iterator[Problem]:
    if module is None:
        # NB: Keras 2.11 and later registers its own optimizers as if they were custom ones.
        own = name.removeprefix("Custom>") in OPTIMIZERS or name in CLASSES | FUNCTIONS
        if not own:
            message = "a class is unknown here, it would come from code that the model brings"
            yield _refused("keras-unknown-class", message, value, severity=code_severity(model))
    elif not (_KERAS_MODULE.fullmatch(module) or _HUB_MODULE.fullmatch(module)):
        message = "a class comes from a module that is not Keras's"
        yield _refused("keras-module", message, value)
    elif name not in CLASSES | FUNCTIONS and not (
        _CLASS_NAME.fullmatch(name) and module.count(".") > 0
    ):
        message = "what is named is no class of Keras"
        yield _refused("keras-module", message, value)
    if name == "TFOpLambda":
        config = value.get("config")
        function = config.get("function") if isinstance(config, dict) else None
        if not isinstance(function, str) or _TF_FUNCTIONS.fullmatch(function):
            message = "a layer calls a function of TensorFlow that reaches beyond computing"
            yield Problem("keras-code", message, shown(function))


def _texts(value: dict[str, Any]) -> Iterator[Problem]:
    """Judge what no configuration of Keras says: modules and functions to attack with, and code."""
    for key, item in value.items():
        if not isinstance(item, str):
            continue
        outside = key.endswith("module") and item.partition(".")[0] not in _OWN
        if outside and (why := dangerous_name(f"{item}.any")):
            message = f"a module is named that no model needs: it {why}"
            yield Problem("keras-module", message, f"{key}: {shown(item)}")
        elif _HELPERS.fullmatch(item):
            message = "a helper of Keras is named that fetches files or switches its safety off"
            yield Problem("keras-code", message, f"{key}: {shown(item)}")
        if len(item) < MAX_TEXT:
            yield from code_problem(shown(key), item.encode("utf-8", "replace"))


def _files(value: dict[str, Any]) -> Iterator[Problem]:
    for key, item in value.items():
        vocabulary = key in ("vocabulary", "idf_weights") and isinstance(item, str)
        if vocabulary or (key in _FILE_KEYS and isinstance(item, str) and item):
            message = "a layer reads a file or an address when it is loaded"
            yield Problem("keras-file", message, f"{key}: {shown(item)}")
