"""Sends a notice to the operator's command or webhook: once, within seconds, and without anything secret."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from worker import settings
from worker.errors import ConfigError, FlowbeatError
from worker.redact import Redactor
from worker.settings import Notify, Settings

_OWN: Final = "FLOWBEAT_"  # of these variables some hold addresses with passwords
_REFUSED: Final = 300  # from this status on an answer is a failure, a redirect too


class NotSentError(FlowbeatError):
    """The command or webhook did not take the notice; the message does not repeat the webhook's address."""


def send(configured: Settings, environ: Mapping[str, str], document: Mapping[str, Any]) -> None:
    """Hand over the document as JSON; raise NotSentError where that fails or takes too long."""
    text = json.dumps(Redactor(settings.secrets(configured, environ))(document), ensure_ascii=False)
    notify = configured.notify
    if notify.command:
        _run(notify, _without_secrets(configured, environ), text)
        return
    try:
        url = notify.webhook(environ)
    except ConfigError as error:
        raise NotSentError(str(error)) from error
    if url is not None:
        _post(url, text, notify.timeout_seconds)


def _run(notify: Notify, environ: Mapping[str, str], text: str) -> None:
    """Run the command with the document as its standard input; its processes are killed after the time-out."""
    try:
        process = subprocess.Popen(  # noqa: S603 - the operator's own command, without a shell
            notify.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(environ),
            start_new_session=True,
        )
    except OSError as error:
        raise NotSentError(f"notify.command cannot be started: {error.strerror}") from error
    with process:
        try:
            process.communicate(text.encode(), timeout=notify.timeout_seconds)
        except subprocess.TimeoutExpired as error:
            raise NotSentError(f"notify.command has not ended within {notify.timeout_seconds:g} s") from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        raise NotSentError(f"notify.command ended with exit code {process.returncode}")


def _post(url: str, text: str, seconds: float) -> None:
    """Post the document; a redirect is not followed, because it could lead anywhere."""
    import requests  # noqa: PLC0415 - only a change of state needs it

    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "flowbeat"}
    try:
        with requests.post(
            url,
            data=text.encode(),
            headers=headers,
            timeout=seconds,
            allow_redirects=False,
            stream=True,  # the body of the answer is not read
            auth=_without_login,
        ) as answer:
            status = answer.status_code
    except (requests.RequestException, OSError, ValueError) as error:
        # Its text would repeat the address, and the address may be the secret.
        raise NotSentError(f"the webhook at {urlsplit(url).hostname} did not answer ({type(error).__name__})") from None
    if status >= _REFUSED:
        raise NotSentError(f"the webhook at {urlsplit(url).hostname} answered with {status}")


def _without_login(request: Any) -> Any:
    """Return the request as it is: ``requests`` would take a login from a .netrc."""
    return request


def _without_secrets(configured: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for the command, without Flowbeat's own and without the tokens."""
    tokens = {connection.token_env for connection in configured.connections.values()}
    return {name: value for name, value in environ.items() if name not in tokens and not name.startswith(_OWN)}
