"""What travels through Flowbeat, in the order it travels: Jira's issue, the rules, the facts, the results, the traces.

Everything here is immutable and without I/O. Instants that people read are aware UTC datetimes; instants
that are calculated with are ``Micros``: whole microseconds since 1970-01-01T00:00Z, so that every sum is exact.
A record that breaks its own rules is refused with ``ValueError`` where it is made.

A module of this package is imported when a name of it is first used: of a command's start, the dataclasses that it does
not need would take a tenth.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from models.records.caches import CACHE_VERSION, CacheMetadata
    from models.records.cursors import CopyCursor, CopyIdentity, LearnedSize, ListedNames
    from models.records.facts import Departure, Deployment, Incident, ItemHead, TableDeployment, WorkItem
    from models.records.fetch_cursor import FailedGroup, FetchCursor, FetchKind
    from models.records.instants import (
        EPOCH,
        INVALID,
        MICROSECOND,
        STAGES,
        Invalid,
        MappedInstant,
        Micros,
        Stage,
        Timeline,
        digest,
        instant,
        iso,
        micros,
        utc,
    )
    from models.records.jira import Field, Issue, IssueHead, Status, Transition, Version, transition_key
    from models.records.logs import LOG_LEVELS, MAX_LOG_BACKUPS, MAX_LOG_BYTES, LogEntry, LogFile
    from models.records.operations import (
        MEDIUM_ISSUES,
        SMALL_ISSUES,
        WARNING_FACTOR,
        CalculationPerformance,
        FetchOperation,
        PerformanceThreshold,
        SizeCategory,
        ThresholdStatus,
    )
    from models.records.results import (
        METRIC_GROUPS,
        METRIC_TYPES,
        OF_DEPLOYMENTS,
        OPEN_SUB_TASK,
        RESOLUTION_DISAGREES,
        STATES,
        UNMAPPED,
        Backtest,
        Forecast,
        Group,
        Measurement,
        MetricResult,
        MetricType,
        Window,
        WindowKind,
    )
    from models.records.rules import (
        CATEGORIES,
        DEFAULT_CATEGORIES,
        DEFAULT_EXCLUDED_INCIDENTS,
        DEFAULT_EXCLUDED_RESOLUTIONS,
        DEFAULT_FAILURE_VALUES,
        DEFAULT_IGNORED_TYPES,
        DEFAULT_LEVELS,
        DEPLOYMENT_SOURCES,
        FIELD_ROLES,
        GONE_ISSUES,
        DeploymentRules,
        FieldMapping,
        IncidentRules,
        Rules,
        ServiceLevelRules,
    )
    from models.records.run_parts import (
        CalculationCursor,
        Recomputation,
        Retries,
        RunOptions,
        RunProgress,
        Verification,
        without_retries,
    )
    from models.records.runs import ENDED_STATES, LIVE_STATES, Run

__all__ = [
    "CACHE_VERSION",
    "CATEGORIES",
    "DEFAULT_CATEGORIES",
    "DEFAULT_EXCLUDED_INCIDENTS",
    "DEFAULT_EXCLUDED_RESOLUTIONS",
    "DEFAULT_FAILURE_VALUES",
    "DEFAULT_IGNORED_TYPES",
    "DEFAULT_LEVELS",
    "DEPLOYMENT_SOURCES",
    "ENDED_STATES",
    "EPOCH",
    "FIELD_ROLES",
    "GONE_ISSUES",
    "INVALID",
    "LIVE_STATES",
    "LOG_LEVELS",
    "MAX_LOG_BACKUPS",
    "MAX_LOG_BYTES",
    "MEDIUM_ISSUES",
    "METRIC_GROUPS",
    "METRIC_TYPES",
    "MICROSECOND",
    "OF_DEPLOYMENTS",
    "OPEN_SUB_TASK",
    "RESOLUTION_DISAGREES",
    "SMALL_ISSUES",
    "STAGES",
    "STATES",
    "UNMAPPED",
    "WARNING_FACTOR",
    "Backtest",
    "CacheMetadata",
    "CalculationCursor",
    "CalculationPerformance",
    "CopyCursor",
    "CopyIdentity",
    "Departure",
    "Deployment",
    "DeploymentRules",
    "FailedGroup",
    "FetchCursor",
    "FetchKind",
    "FetchOperation",
    "Field",
    "FieldMapping",
    "Forecast",
    "Group",
    "Incident",
    "IncidentRules",
    "Invalid",
    "Issue",
    "IssueHead",
    "ItemHead",
    "LearnedSize",
    "ListedNames",
    "LogEntry",
    "LogFile",
    "MappedInstant",
    "Measurement",
    "MetricResult",
    "MetricType",
    "Micros",
    "PerformanceThreshold",
    "Recomputation",
    "Retries",
    "Rules",
    "Run",
    "RunOptions",
    "RunProgress",
    "ServiceLevelRules",
    "SizeCategory",
    "Stage",
    "Status",
    "TableDeployment",
    "ThresholdStatus",
    "Timeline",
    "Transition",
    "Verification",
    "Version",
    "Window",
    "WindowKind",
    "WorkItem",
    "digest",
    "instant",
    "iso",
    "micros",
    "transition_key",
    "utc",
    "without_retries",
]

_NAMES: Final = {
    "caches": "CACHE_VERSION CacheMetadata",
    "cursors": "CopyCursor CopyIdentity LearnedSize ListedNames",
    "facts": "Departure Deployment Incident ItemHead TableDeployment WorkItem",
    "fetch_cursor": "FailedGroup FetchCursor FetchKind",
    "instants": (
        "EPOCH INVALID MICROSECOND STAGES Invalid MappedInstant Micros Stage Timeline digest instant iso micros utc"
    ),
    "jira": "Field Issue IssueHead Status Transition Version transition_key",
    "logs": "LOG_LEVELS MAX_LOG_BACKUPS MAX_LOG_BYTES LogEntry LogFile",
    "operations": (
        "MEDIUM_ISSUES SMALL_ISSUES WARNING_FACTOR CalculationPerformance FetchOperation PerformanceThreshold "
        "SizeCategory ThresholdStatus"
    ),
    "results": (
        "METRIC_GROUPS METRIC_TYPES OF_DEPLOYMENTS OPEN_SUB_TASK RESOLUTION_DISAGREES STATES UNMAPPED Backtest "
        "Forecast Group Measurement MetricResult MetricType Window WindowKind"
    ),
    "rules": (
        "CATEGORIES DEFAULT_CATEGORIES DEFAULT_EXCLUDED_INCIDENTS DEFAULT_EXCLUDED_RESOLUTIONS "
        "DEFAULT_FAILURE_VALUES DEFAULT_IGNORED_TYPES DEFAULT_LEVELS DEPLOYMENT_SOURCES FIELD_ROLES GONE_ISSUES "
        "DeploymentRules FieldMapping IncidentRules Rules ServiceLevelRules"
    ),
    "run_parts": "CalculationCursor Recomputation Retries RunOptions RunProgress Verification without_retries",
    "runs": "ENDED_STATES LIVE_STATES Run",
}
_MODULES: Final = {name: module for module, names in _NAMES.items() for name in names.split()}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import the module that has the name, and keep the name here."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        return value
