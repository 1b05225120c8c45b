"""The errors of the worker, named by their consequence: what a caller can do about each decides its class.

FlowbeatError
├── ConfigError      the configuration or the command is wrong: nothing was started; exit code 2
├── FatalError           trying again changes nothing until a person acts (login, JQL, permission); exit code 1
│   └── UnansweredError  Jira answers this one question wrong each time, though it answers others
└── RetryableError       the same call may go through later; ``retry_after``: the seconds the other side named, if any
    └── AnswerError      an answer that cannot be used; the same one three times is not a passing fault

A run that fails stores the ``kind`` of its error beside the sentence, so that no code compares sentences.
"""

from typing import ClassVar, Final

UNEXPECTED: Final = "unexpected"  # the kind of every error that is not a FlowbeatError


class FlowbeatError(Exception):
    """The root: every error Flowbeat raises on purpose. The message is one sentence a person can act on."""

    kind: ClassVar[str] = "failed"


class ConfigError(FlowbeatError):
    """A key, a value or an argument is wrong; the message names it, the place, and what would be right."""

    kind: ClassVar[str] = "configuration"


class MissingTokenError(ConfigError):
    """The token of a connection is not where the configuration says."""

    kind: ClassVar[str] = "missing_token"


class FatalError(FlowbeatError):
    """Jira, the database or the stored data refuse for good; the message says what a person has to do."""

    kind: ClassVar[str] = "refused"


class MixedConfigurationsError(FatalError):
    """Workers with different configurations took turns at one run."""

    kind: ClassVar[str] = "mixed_configurations"


class CalculationError(FatalError):
    """Every metric of a run raised an error."""

    kind: ClassVar[str] = "calculation_error"


class RetryableError(FlowbeatError):
    """A passing fault; ``retry_after`` is the least number of seconds to wait, None where nobody said.

    ``tries`` is how often it was tried in vain until this was raised: 0 where it was only waited for.
    ``patience`` is after how many seconds in vain the run gives up, None for the usual.
    """

    kind: ClassVar[str] = "gave_up"
    patience: float | None = None

    def __init__(self, message: str, retry_after: float | None = None, tries: int = 1) -> None:
        """Keep the sentence and the numbers apart, so that only code reads the numbers."""
        super().__init__(message)
        self.retry_after = retry_after
        self.tries = tries


class UnansweredError(FatalError):
    """Jira answers one question wrong each time and others well; asked for less at a time, it may answer."""


class AnswerError(RetryableError):
    """An answer that cannot be used: a server error without a wait, half a body, a page that contradicts itself.

    ``reason`` is set where the answer held for every request of the login.
    """

    reason: str | None = None
