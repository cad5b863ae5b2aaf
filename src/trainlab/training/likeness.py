"""A description of code and values that is equal only for what does the same."""

from __future__ import annotations

import enum
import functools
import hashlib
import sys
import types
from typing import Any

import keras
import numpy as np
import tensorflow as tf

__all__ = ["NotUnderstood", "describe"]

_LIBRARIES = {"keras", "numpy", "tensorflow", *sys.stdlib_module_names}
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))
_CONTAINERS = (list, dict, types.FunctionType)
_BY_IDENTITY = (types.ModuleType, types.BuiltinFunctionType, np.ufunc, enum.Enum, tf.DType)
# What these make are numbers, which a program takes from variables.
_ONLY_BEFORE_TRAINING = (keras.initializers.Initializer, keras.random.SeedGenerator)


class NotUnderstood(Exception):
    """Nothing can be said about how a value behaves."""


def describe(*values: Any) -> tuple:
    """Describe what values do: by code, content and class, not by name and place.

    Functions are described by their code, their defaults, the contents of their closure and the
    globals that they use; classes of the reader's by identity and the same of their methods;
    arrays by their bytes; Keras' objects by their class and what it added to the bare class it
    derives from. What a library defines as a function or class is itself. Of variables it says
    the shape only: their values belong to a model's state.

    Returns:
        Nested tuples to compare with `==`.

    Raises:
        NotUnderstood: A value is of a kind about which none of this says enough.
    """
    describer = _Describer()
    return tuple(describer.of(value) for value in values)


class _Describer:
    """Numbers what it has seen, so that what refers to itself comes to an end."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, Any]] = {}

    def of(self, value: Any) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            return kind.__name__, repr(value)
        if kind in (tuple, frozenset):  # may be shared between what is otherwise apart
            return self._elements(value)
        if kind not in _CONTAINERS:
            if isinstance(value, _BY_IDENTITY) and not _is_bound(value):
                return "itself", value
            if isinstance(value, keras.KerasTensor):  # where it comes from stands in the config
                return "symbolic", tuple(value.shape), str(value.dtype)
            if isinstance(value, (keras.Variable, tf.Variable)):
                return "variable", tuple(value.shape), str(value.dtype), bool(value.trainable)
            if isinstance(value, (np.ndarray, np.generic, np.dtype, tf.TensorShape, tf.Tensor)):
                return self._array(value)
        if id(value) in self._seen:
            return "seen", self._seen[id(value)][0]
        self._seen[id(value)] = len(self._seen), value
        return self._anew(value)

    def _anew(self, value: Any) -> Any:
        if isinstance(value, (list, tuple, set)):
            return type(value).__name__, self._class(value), self._elements(value)
        if isinstance(value, dict):
            return "dict", self._class(value), self._elements(list(value.items()))
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, functools.partial):
            return "partial", self.of((value.func, value.args)), self.of(value.keywords)
        if isinstance(value, types.MethodType):
            return "method", self.of(value.__func__), self.of(value.__self__)
        if isinstance(value, type):
            return self._own_class(value)
        return self._instance(value)

    def _array(self, value: Any) -> tuple:
        if isinstance(value, (np.dtype, tf.TensorShape)):
            return type(value).__name__, str(value)
        if isinstance(value, tf.Tensor) and not hasattr(value, "numpy"):
            raise NotUnderstood(f"{value!r} has no value yet")
        array = np.asarray(value)
        if array.dtype.hasobject:
            return "objects", array.shape, self._elements(array.ravel().tolist())
        content = hashlib.sha256(array.tobytes()).hexdigest()
        return "array", array.shape, str(array.dtype), content

    def _elements(self, values: Any) -> tuple:
        if isinstance(values, (set, frozenset)):
            return tuple(sorted((self.of(value) for value in values), key=repr))
        return tuple(self.of(value) for value in values)

    def _class(self, value: Any) -> Any:
        return self.of(type(value)) if type(value).__module__ != "builtins" else None

    def _function(self, value: types.FunctionType) -> tuple:
        if _is_of_library(value):
            return "itself", value
        used = {
            name: value.__globals__[name]
            for name in sorted(_names_in(value.__code__))
            if name in value.__globals__
        }
        closure = [_content(cell) for cell in value.__closure__ or ()]
        parts = (value.__defaults__, value.__kwdefaults__, closure, used, vars(value))
        return "function", value.__code__, self._elements(parts)

    def _own_class(self, value: type) -> tuple:
        if _is_of_library(value):
            return "itself", value
        described: list[Any] = [value]
        for name, attribute in sorted(vars(value).items()):
            attribute = getattr(attribute, "__func__", attribute)  # of static and class methods
            if isinstance(attribute, property):
                attribute = [attribute.fget, attribute.fset]
            elif isinstance(attribute, functools.cached_property):
                attribute = attribute.func
            elif name.startswith("__") and not isinstance(attribute, types.FunctionType):
                continue
            if not name.startswith("_abc_"):
                described.append((name, self.of(attribute)))
        return "class", *described, *(self.of(base) for base in value.__bases__)

    def _instance(self, value: Any) -> tuple:
        kind = type(value)
        if kind.__module__ == "builtins" or not hasattr(value, "__dict__"):
            raise NotUnderstood(f"{kind.__name__} keeps what it does to itself")
        if _is_of_library(kind) and not kind.__module__.startswith("keras."):
            raise NotUnderstood(f"{kind.__module__}.{kind.__name__} is another library's")
        described: list[Any] = [self.of(kind)]
        if isinstance(value, _ONLY_BEFORE_TRAINING) and _is_of_library(kind):
            return "instance", *described
        bare = _bare_names(value)
        if isinstance(value, keras.layers.Layer):
            described.append(self.of((value.activity_regularizer, value.trainable)))
        if isinstance(value, keras.Optimizer):
            described += [self.of(one) for one in _callables(value)]
        for name, attribute in sorted(vars(value).items()):
            # Some layers of Keras have a place for something only after a call.
            empty = attribute is None and _is_of_library(kind)
            if not (name in bare or empty):
                described.append((name, self.of(attribute)))
        return "instance", *described


def _callables(optimizer: keras.Optimizer) -> list[Any]:
    """What an optimizer computes its rate with; a rate that is a number is a variable."""
    return [value for value in vars(optimizer).values() if callable(value)]


def _is_bound(value: Any) -> bool:
    owner = getattr(value, "__self__", None)
    return not (owner is None or isinstance(owner, types.ModuleType))


def _is_of_library(value: Any) -> bool:
    return (value.__module__ or "").split(".")[0] in _LIBRARIES


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "nothing yet"


def _names_in(code: types.CodeType) -> set[str]:
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return set(code.co_names).union(*map(_names_in, inner))


def _bare_names(value: Any) -> frozenset[str]:
    """The attributes that every layer, optimizer, loss or metric has: Keras' own bookkeeping."""
    for kind, names in _bare().items():
        if isinstance(value, kind):
            return names
    return frozenset()


@functools.cache
def _bare() -> dict[type, frozenset[str]]:
    inputs = keras.Input((1,), name="bare_input")
    model = keras.Model(inputs, keras.layers.Identity(name="bare_layer")(inputs), name="bare")
    model.compile(keras.Optimizer(0.1, name="bare_optimizer"), "mse")
    model.history = model.stop_evaluating = None  # as training leaves them
    bare = {
        keras.layers.Layer: vars(model),
        keras.Optimizer: vars(model.optimizer).keys() | _what_a_step_leaves(),
        keras.metrics.Metric: vars(keras.metrics.Metric(name="bare_metric")),
        keras.losses.Loss: vars(keras.losses.Loss(name="bare_loss")),
    }
    return {kind: frozenset(names) for kind, names in bare.items()}


def _what_a_step_leaves() -> set[str]:
    """The attributes that an optimizer has only after a step: variables, and what it looked up."""
    optimizer = keras.optimizers.SGD(0.1, weight_decay=0.1, name="bare_sgd")
    before = set(vars(optimizer))
    optimizer.apply([np.zeros(1)], [keras.Variable(np.zeros(1), name="bare_variable")])
    return set(vars(optimizer)) - before
