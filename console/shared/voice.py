"""How much a command says, and whether in colours: the options -q, -v and --color, which every command has."""

import os
from typing import Any, Final

import click
from click.core import ParameterSource

_COLOURS: Final = ("auto", "always", "never")
_CHOSEN: Final[dict[str, Any]] = {}  # of this command line; an error is reported after click has forgotten it


def add_options(command: click.Command) -> click.Command:
    """Give a command the options, unless it has them or passes its options on to another program."""
    passes_on = command.context_settings.get("ignore_unknown_options")
    if not passes_on and not any(option.name == "quiet" for option in command.params):
        command.params.extend((_flag("quiet", "No progress, and nothing of a success."), _flag("verbose", _VERBOSE)))
        command.params.append(_colour())
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            add_options(inner)
    return command


def forget() -> None:
    """Forget the choices of another command line of this process."""
    _CHOSEN.clear()


def is_quiet() -> bool:
    """Return whether the person wants to read only what was asked for, and errors."""
    return bool(_CHOSEN.get("quiet"))


def is_verbose() -> bool:
    """Return whether the person wants to read the log entries and the tracebacks of errors too."""
    return bool(_CHOSEN.get("verbose"))


def colours() -> bool | None:
    """Return whether to print in colours; None where that depends on the terminal."""
    choice = _CHOSEN.get("color") or "auto"
    if choice != "auto":
        return bool(choice == "always")
    return False if os.environ.get("NO_COLOR") else True if os.environ.get("FORCE_COLOR") else None


_VERBOSE: Final = "The log entries of the command's runs, and the traceback of an error."


def _flag(name: str, text: str) -> click.Option:
    return click.Option([f"-{name[0]}", f"--{name}"], is_flag=True, expose_value=False, callback=_keep, help=text)


def _colour() -> click.Option:
    choice, text = click.Choice(_COLOURS), "Colours; auto: on a terminal, unless NO_COLOR is set."
    return click.Option(
        ["--color"], type=choice, default="auto", show_default=True, expose_value=False, callback=_keep, help=text
    )


def _keep(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    """Keep a choice for the whole command line; before or after the command's name it is the same."""
    if ctx.get_parameter_source(str(option.name)) is not ParameterSource.DEFAULT:
        _CHOSEN[str(option.name)] = value
    ctx.color = colours()
