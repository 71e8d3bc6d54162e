"""Bodies as GitHub's OpenAPI description has them, made of the models that come from it.

What a test cares about is given; every other field that the description demands is filled with the simplest
value of its type.
"""

from __future__ import annotations

import datetime as dt
import types
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

Body = dict[str, Any]
LONG_AGO = "2020-01-01T00:00:00Z"
_SIMPLE: dict[Any, Any] = {
    str: "",
    int: 0,
    float: 0.0,
    bool: False,
    dt.datetime: LONG_AGO,
    dt.date: LONG_AGO[:10],
}


def shape(model: type[BaseModel], **given: Any) -> Body:
    """A body of a model. A dictionary that is given for a part of it is filled up in the same way."""
    body: Body = {}
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key in given:
            body[key] = _completed(field.annotation, given.pop(key))
        elif field.is_required():
            body[key] = _simplest(field.annotation)
    if given:
        raise AssertionError(f"{model.__name__} has no {', '.join(given)}")
    return body


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    """The types that a field may have, without the wrappings that say no more."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return tuple(one for part in get_args(annotation) for one in _alternatives(part))
    if hasattr(annotation, "__metadata__"):
        return _alternatives(annotation.__origin__)
    return (annotation,)


def _completed(annotation: Any, value: Any) -> Any:
    if isinstance(value, dict):
        for one in _alternatives(annotation):
            if isinstance(one, type) and issubclass(one, BaseModel):
                return shape(one, **value)
    return value


def _simplest(annotation: Any) -> Any:
    choices = _alternatives(annotation)
    if type(None) in choices:
        return None
    first = choices[0]
    if get_origin(first) is Literal:
        return get_args(first)[0]
    if get_origin(first) is list:
        return []
    if isinstance(first, type) and issubclass(first, BaseModel):
        return shape(first)
    return _SIMPLE.get(first, {})
