"""Refuses messages that no Flowbeat has sent: they neither end a worker nor come back.

kombu and Celery trust what is in the queue: a text that is not JSON, an envelope without a delivery tag, or headers of
another shape end the worker, some of them again after each restart. Here an empty message replaces one without a usable
envelope before kombu reads it, and ``fault_of`` says why a worker refuses a message.
"""

import base64
import binascii
import inspect
import json
import typing
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from kombu.transport import redis as transport
from kombu.transport.virtual.base import Message
from kombu.utils.json import loads

_REFUSED: Final = "flowbeat-refused"  # the header of what replaces a message without a usable envelope
_JSON: Final = "application/json"


class EnvelopeMessage(Message):
    """A message whose envelope kombu can use, whatever lay in the queue."""

    def __init__(self, payload: Any, channel: Any = None, **options: Any) -> None:
        """Replace the payload where its envelope has another shape than kombu's."""
        why = _fault_of_envelope(payload)
        super().__init__(_replacement(why) if why else payload, channel=channel, **options)


def install() -> None:
    """Let kombu's Redis channel read messages by this module, in this process."""
    transport.Channel.Message = EnvelopeMessage
    setattr(transport, "loads", _loads)  # noqa: B010 - a name that kombu imported, set on purpose


def fault_of(message: Any, tasks: Mapping[str, Any]) -> str | None:
    """Return why a worker refuses a message, None for one of a known task with arguments of its types."""
    headers = message.headers
    if _REFUSED in headers:
        return str(headers[_REFUSED])
    name = headers.get("task")
    if not isinstance(name, str) or name not in tasks:
        return "no task of Flowbeat has its name"
    return _fault_of_headers(headers) or _fault_of_body(message, tasks[name])


def _loads(text: Any, *args: Any, **options: Any) -> Any:
    """Read a queue's text as kombu does; what is not JSON becomes None, which has no envelope."""
    try:
        return loads(text, *args, **options)
    except (ValueError, TypeError, RecursionError):
        return None


def _fault_of_envelope(payload: Any) -> str | None:
    if not isinstance(payload, dict):
        return "it is not a JSON object"
    properties, headers = payload.get("properties"), payload.get("headers")
    if not isinstance(properties, dict) or not isinstance(properties.get("delivery_tag"), str):
        return "its envelope has no delivery tag"
    route = properties.get("delivery_info")
    if not isinstance(route, dict) or not all(isinstance(route.get(key), str) for key in ("exchange", "routing_key")):
        return "its envelope has no route"
    if not isinstance(headers, dict) or not _has_text(payload, properties.get("body_encoding")):
        return "its envelope has no readable headers or body"
    return None


def _has_text(payload: Mapping[str, Any], encoding: Any) -> bool:
    """Return whether the body is a text, and where the envelope says so a text in base64."""
    body = payload.get("body")
    if not isinstance(body, str) or encoding not in {None, "base64"}:
        return False
    try:
        return encoding is None or base64.b64decode(body, validate=True).decode() is not None
    except (binascii.Error, ValueError):
        return False


def _replacement(why: str) -> dict[str, Any]:
    return {
        "body": "",
        "content-type": _JSON,
        "content-encoding": "utf-8",
        "headers": {_REFUSED: why},
        "properties": {
            "delivery_tag": str(uuid.uuid4()),
            "delivery_info": {"exchange": "", "routing_key": ""},
        },
    }


def _fault_of_headers(headers: Mapping[str, Any]) -> str | None:
    if not isinstance(headers.get("id"), str):
        return "it has no id"
    if not isinstance(headers.get("retries", 0), int):
        return "its number of retries is not one"
    for name in ("eta", "expires"):
        if not _is_instant(headers.get(name)):
            return f"its {name} is not an instant"
    limits = headers.get("timelimit")
    if limits is not None and not _are_limits(limits):
        return "its time limits are not two numbers"
    return None


def _is_instant(value: Any) -> bool:
    try:
        return value is None or datetime.fromisoformat(value) is not None
    except (TypeError, ValueError):
        return False


def _are_limits(value: Any) -> bool:
    """Return whether these are a hard and a soft limit."""
    return (
        isinstance(value, list)
        and len(value) == len(("hard", "soft"))
        and all(isinstance(part, int | float | None) for part in value)
    )


def _fault_of_body(message: Any, task: Any) -> str | None:
    if message.content_type != _JSON:
        return "its body is not JSON"
    try:
        args, options, embedded = json.loads(message.body)
    except (ValueError, TypeError, RecursionError):
        return "its body is not a list of arguments"
    if not (isinstance(args, list) and isinstance(options, dict) and isinstance(embedded, dict)):
        return "its body is not a list of arguments"
    if not task.name.startswith("tasks."):
        return None  # Celery's own
    types, required = _types(task)
    if options or not required <= len(args) <= len(types) or not all(map(_is_of, args, types)):
        return "its arguments are not those of the task"
    return None


def _types(task: Any) -> tuple[Sequence[type], int]:
    """Return the types of a task's arguments, as the task says itself or its function declares them, and the number of
    those without a default.
    """
    declared: Sequence[type] | None = getattr(task, "argument_types", None)
    if declared is not None:
        return declared, len(declared)
    hints, parameters = typing.get_type_hints(task.run), inspect.signature(task.run).parameters
    required = sum(parameter.default is inspect.Parameter.empty for parameter in parameters.values())
    return [hints[name] for name in parameters], required


def _is_of(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))
