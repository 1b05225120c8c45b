"""The first schema: tables, indexes and the two views of results."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Of each profile and metric (and week) the row with the latest confirmation, then the latest calculation.
LATEST_RESULTS = """
CREATE VIEW latest_results AS
SELECT profile, metric_type, window_kind, window_start, window_end, rules_hash, as_of, confirmed_as_of,
       value, unit, level, state, message, n_used, n_excluded, exclusions, details, complete, run_id, calculated_at
FROM (
    SELECT metric_results.*, row_number() OVER (
        PARTITION BY profile, metric_type
        ORDER BY confirmed_as_of DESC, calculated_at DESC, window_start DESC, rules_hash
    ) AS place
    FROM metric_results WHERE window_kind = 'period'
) AS ranked
WHERE place = 1
"""
WEEKLY_RESULTS = """
CREATE VIEW weekly_results AS
SELECT profile, metric_type, window_kind, window_start, window_end, rules_hash, as_of, confirmed_as_of,
       value, unit, level, state, message, n_used, n_excluded, exclusions, details, complete, run_id, calculated_at
FROM (
    SELECT metric_results.*, row_number() OVER (
        PARTITION BY profile, metric_type, {week}
        ORDER BY confirmed_as_of DESC, calculated_at DESC, rules_hash
    ) AS place
    FROM metric_results WHERE window_kind = 'week'
) AS ranked
WHERE place = 1
"""
# The Monday of the week that holds the middle of a window: the same whatever the time zone that the window began in.
WEEK = {
    "sqlite": "date(window_start, '+84 hours', '-6 days', 'weekday 1')",
    "postgresql": "date_trunc('week', window_start AT TIME ZONE 'UTC' + INTERVAL '84 hours')",
}


def upgrade() -> None:
    op.create_table(
        "cache_metadata",
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("cache_key", sa.String(length=32), nullable=False),
        sa.Column("creation_timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expiration_timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("version_identifier", sa.Text(), nullable=False),
        sa.Column("config_hash", sa.String(length=32), nullable=False),
        sa.Column("issue_count", sa.Integer(), nullable=False),
        sa.Column("jql_query", sa.Text(), nullable=False),
        sa.Column("data_as_of", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cursor", sa.JSON(), nullable=False),
        sa.Column("invalidated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("profile", name=op.f("pk_cache_metadata")),
    )
    op.create_table(
        "calculation_performance",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("metric_type", sa.Text(), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_seconds", sa.Double(), nullable=False),
        sa.Column("input_data_size", sa.BigInteger(), nullable=False),
        sa.Column("result_data_size", sa.BigInteger(), nullable=False),
        sa.Column("cache_hits", sa.Integer(), nullable=False),
        sa.Column("cache_misses", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calculation_performance")),
    )
    with op.batch_alter_table("calculation_performance", schema=None) as batch_op:
        batch_op.create_index("uq_calculation_performance_run_metric", ["run_id", "metric_type"], unique=True)

    op.create_table(
        "data_quality",
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("issue_id", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("profile", "issue_id", "origin", "reason", name=op.f("pk_data_quality")),
    )
    op.create_table(
        "deployments",
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), server_default="table", nullable=False),
        sa.Column("deployment_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("deployed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("invalid", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=True),
        sa.Column("issue_id", sa.Text(), nullable=True),
        sa.Column("timeline", sa.JSON(), nullable=True),
        sa.Column("version_ids", sa.JSON(), nullable=True),
        sa.Column("issue_ids", sa.JSON(), nullable=True),
        sa.Column("linked_ids", sa.JSON(), nullable=True),
        sa.Column("issue_keys", sa.JSON(), nullable=True),
        sa.Column("versions", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("profile", "source", "deployment_id", name=op.f("pk_deployments")),
    )
    with op.batch_alter_table("deployments", schema=None) as batch_op:
        batch_op.create_index("ix_deployments_profile_issue_id", ["profile", "issue_id"], unique=False)

    op.create_table(
        "fetch_operations",
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("jql_query", sa.Text(), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration_seconds", sa.Double(), nullable=True),
        sa.Column("data_volume_fetched", sa.Integer(), nullable=False),
        sa.Column("cache_hit", sa.Boolean(), nullable=False),
        sa.Column("api_calls_made", sa.Integer(), nullable=False),
        sa.Column("rate_limit_delays", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("issues_changed", sa.Integer(), nullable=False),
        sa.Column("issues_gone", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_fetch_operations")),
    )
    with op.batch_alter_table("fetch_operations", schema=None) as batch_op:
        batch_op.create_index("ix_fetch_operations_profile_start_time", ["profile", "start_time"], unique=False)

    op.create_table(
        "forecasts",
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("history_weeks", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rules_hash", sa.Text(), nullable=False),
        sa.Column("trials", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("throughput", sa.JSON(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("backtest", sa.JSON(), nullable=False),
        sa.Column("calculated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "profile", "as_of", "question", "asked", "seed", "history_weeks", "rules_hash", name=op.f("pk_forecasts")
        ),
    )
    op.create_table(
        "incidents",
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("issue_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("detected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("restored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("invalid", sa.JSON(), nullable=False),
        sa.Column("timeline", sa.JSON(), nullable=False),
        sa.Column("version_ids", sa.JSON(), nullable=False),
        sa.Column("linked_ids", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("profile", "issue_id", name=op.f("pk_incidents")),
    )
    op.create_table(
        "issues",
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("issue_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("status_id", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("resolved", sa.DateTime(timezone=True), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("facts_hash", sa.Text(), nullable=True),
        sa.Column("census", sa.Text(), nullable=True),
        sa.Column("history_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("profile", "issue_id", name=op.f("pk_issues")),
    )
    with op.batch_alter_table("issues", schema=None) as batch_op:
        batch_op.create_index(
            "ix_issues_present",
            ["profile", "project"],
            unique=False,
            sqlite_where=sa.text("gone_at IS NULL"),
            postgresql_where=sa.text("gone_at IS NULL"),
        )
        batch_op.create_index(
            "ix_issues_stale",
            ["profile", "issue_id"],
            unique=False,
            sqlite_where=sa.text("facts_hash IS NULL AND gone_at IS NULL"),
            postgresql_where=sa.text("facts_hash IS NULL AND gone_at IS NULL"),
        )

    op.create_table(
        "metric_results",
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("metric_type", sa.Text(), nullable=False),
        sa.Column("window_kind", sa.Text(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rules_hash", sa.Text(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("n_used", sa.Integer(), nullable=False),
        sa.Column("n_excluded", sa.Integer(), nullable=False),
        sa.Column("exclusions", sa.JSON(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("calculated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "profile",
            "metric_type",
            "window_kind",
            "window_start",
            "window_end",
            "rules_hash",
            "as_of",
            name=op.f("pk_metric_results"),
        ),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cursor", sa.JSON(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("wait_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
    )
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.create_index("ix_runs_requested_at", ["requested_at"], unique=False)
        batch_op.create_index(
            "uq_runs_live_profile",
            ["profile"],
            unique=True,
            sqlite_where=sa.text("state IN ('queued', 'running', 'waiting')"),
            postgresql_where=sa.text("state IN ('queued', 'running', 'waiting')"),
        )

    op.create_table(
        "statuses",
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("status_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("profile", "status_id", name=op.f("pk_statuses")),
    )
    op.create_table(
        "transitions",
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("issue_id", sa.Text(), nullable=False),
        sa.Column("history_id", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_id", sa.Text(), nullable=True),
        sa.Column("from_name", sa.Text(), nullable=True),
        sa.Column("to_id", sa.Text(), nullable=True),
        sa.Column("to_name", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("profile", "issue_id", "history_id", "field", "position", name=op.f("pk_transitions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "versions",
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.Column("release_date", sa.Date(), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("profile", "version_id", name=op.f("pk_versions")),
    )
    op.create_table(
        "work_item_columns",
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("chunk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rules_hash", sa.Text(), nullable=False),
        sa.Column("issues", sa.Integer(), nullable=False),
        sa.Column("archive", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("profile", "chunk", name=op.f("pk_work_item_columns")),
    )
    op.create_table(
        "work_items",
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("issue_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("facts_hash", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("active_seconds", sa.Double(), nullable=False),
        sa.Column("waiting_seconds", sa.Double(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("delivered", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("timeline", sa.JSON(), nullable=False),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("points", sa.Double(), nullable=True),
        sa.Column("version_ids", sa.JSON(), nullable=False),
        sa.Column("excluded", sa.Boolean(), nullable=False),
        sa.Column("invalid", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("profile", "issue_id", name=op.f("pk_work_items")),
    )
    op.create_table(
        "performance_thresholds",
        sa.Column("performance_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("metric_type", sa.Text(), nullable=False),
        sa.Column("target_duration_seconds", sa.Double(), nullable=False),
        sa.Column("actual_duration_seconds", sa.Double(), nullable=False),
        sa.Column("threshold_status", sa.Text(), nullable=False),
        sa.Column("dataset_size_category", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["performance_id"],
            ["calculation_performance.id"],
            name=op.f("fk_performance_thresholds_performance_id_calculation_performance"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("performance_id", name=op.f("pk_performance_thresholds")),
    )

    op.execute(LATEST_RESULTS)
    op.execute(WEEKLY_RESULTS.format(week=WEEK[op.get_bind().dialect.name]))


def downgrade() -> None:
    op.execute("DROP VIEW IF EXISTS weekly_results")
    op.execute("DROP VIEW IF EXISTS latest_results")
    op.drop_table("performance_thresholds")
    op.drop_table("work_items")
    op.drop_table("work_item_columns")
    op.drop_table("versions")
    op.drop_table("transitions")
    op.drop_table("statuses")
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_runs_live_profile",
            sqlite_where=sa.text("state IN ('queued', 'running', 'waiting')"),
            postgresql_where=sa.text("state IN ('queued', 'running', 'waiting')"),
        )
        batch_op.drop_index("ix_runs_requested_at")

    op.drop_table("runs")
    op.drop_table("metric_results")
    with op.batch_alter_table("issues", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_issues_stale",
            sqlite_where=sa.text("facts_hash IS NULL AND gone_at IS NULL"),
            postgresql_where=sa.text("facts_hash IS NULL AND gone_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_issues_present",
            sqlite_where=sa.text("gone_at IS NULL"),
            postgresql_where=sa.text("gone_at IS NULL"),
        )

    op.drop_table("issues")
    op.drop_table("incidents")
    op.drop_table("forecasts")
    with op.batch_alter_table("fetch_operations", schema=None) as batch_op:
        batch_op.drop_index("ix_fetch_operations_profile_start_time")

    op.drop_table("fetch_operations")
    with op.batch_alter_table("deployments", schema=None) as batch_op:
        batch_op.drop_index("ix_deployments_profile_issue_id")

    op.drop_table("deployments")
    op.drop_table("data_quality")
    with op.batch_alter_table("calculation_performance", schema=None) as batch_op:
        batch_op.drop_index("uq_calculation_performance_run_metric")

    op.drop_table("calculation_performance")
    op.drop_table("cache_metadata")
