"""What a failed stage of a fetch really means: a lost login behind another refusal, or a Jira that never answered."""

from typing import Final

from worker.errors import FatalError, FlowbeatError
from worker.jira.client import Client
from worker.jira.faults import AstrayError, LoginError, NoAnswerError
from worker.jira.site import confirm_login

# A run gives up after this long where nothing has ever answered: a person waits who has just written the address.
FIRST_CONTACT_SECONDS: Final = 60.0


def find_cause(error: FlowbeatError, client: Client | None, *, has_answered: bool) -> FlowbeatError:
    """Return the error to report for this one; ``has_answered``: this Jira has answered this installation before.

    A JQL that names a project, a mapped field, a version: to the anonymous each of them is not there. So Jira is asked
    who the login is before a person is sent to correct them; one request.
    """
    if isinstance(error, NoAnswerError) and not has_answered:
        error.patience = FIRST_CONTACT_SECONDS
    if client is None or not isinstance(error, FatalError) or isinstance(error, LoginError | AstrayError):
        return error
    try:
        confirm_login(client)
    except LoginError as refused:
        return refused
    except FlowbeatError:  # what happened first is what there is to report
        return error
    return error
