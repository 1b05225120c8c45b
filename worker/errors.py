"""The errors of the worker, named by their consequence: what a caller can do about each decides its class.

FlowbeatError
├── ConfigError      the configuration or the command is wrong: nothing was started; exit code 2
├── FatalError       trying again changes nothing until a person acts (login, JQL, permission); exit code 1
└── RetryableError   the same call may go through later; ``retry_after``: the seconds the other side named, if any
"""


class FlowbeatError(Exception):
    """The root: every error Flowbeat raises on purpose. The message is one sentence a person can act on."""


class ConfigError(FlowbeatError):
    """A key, a value or an argument is wrong; the message names it, the place, and what would be right."""


class FatalError(FlowbeatError):
    """Jira, the database or the stored data refuse for good; the message says what a person has to do."""


class RetryableError(FlowbeatError):
    """A passing fault; ``retry_after`` is the least number of seconds to wait, None where nobody said."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """Keep the sentence and the wait apart, so that only code reads the number."""
        super().__init__(message)
        self.retry_after = retry_after
