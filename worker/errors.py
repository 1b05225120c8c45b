"""The errors of the worker, named by their consequence: what a caller can do about each decides its class.

FlowbeatError
├── ConfigError      the configuration or the command is wrong: nothing was started; exit code 2
├── FatalError           trying again changes nothing until a person acts (login, JQL, permission); exit code 1
│   └── UnansweredError  Jira answers this one question wrong each time, though it answers others
└── RetryableError       the same call may go through later; ``retry_after``: the seconds the other side named, if any
    └── AnswerError      an answer that cannot be used; the same one three times is no passing fault
"""


class FlowbeatError(Exception):
    """The root: every error Flowbeat raises on purpose. The message is one sentence a person can act on."""


class ConfigError(FlowbeatError):
    """A key, a value or an argument is wrong; the message names it, the place, and what would be right."""


class FatalError(FlowbeatError):
    """Jira, the database or the stored data refuse for good; the message says what a person has to do."""


class RetryableError(FlowbeatError):
    """A passing fault; ``retry_after`` is the least number of seconds to wait, None where nobody said.

    ``tries`` is how often it was tried in vain until this was raised: 0 where it was only waited for.
    ``patience`` is after how many seconds in vain the run gives up, None for the usual.
    """

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
