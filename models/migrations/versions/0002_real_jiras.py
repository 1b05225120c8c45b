"""What real Jiras need: unknown failures, levels of types, the installation's id, rules of a run, archive formats."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Unknown is not "did not fail"; rows that are there already keep what they state.
    with op.batch_alter_table("deployments", schema=None) as batch_op:
        batch_op.alter_column("failed", existing_type=sa.Boolean(), nullable=True, server_default=None)
    op.add_column("incidents", sa.Column("excluded", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("issues", sa.Column("hierarchy_level", sa.Integer(), nullable=True))
    op.add_column("issues", sa.Column("subtask", sa.Boolean(), nullable=True))
    op.add_column("issues", sa.Column("project_id", sa.Text(), nullable=True))
    op.add_column("issues", sa.Column("parent", sa.Text(), nullable=True))
    sub_tasks = sa.text("subtask AND gone_at IS NULL")
    op.create_index(
        "ix_issues_sub_tasks", "issues", ["profile", "parent"], sqlite_where=sub_tasks, postgresql_where=sub_tasks
    )
    op.add_column("deployments", sa.Column("rework", sa.Boolean(), nullable=True))
    # Histories name one id in several ways, and each way may be of another stage.
    with op.batch_alter_table("statuses", schema=None) as batch_op:
        batch_op.add_column(sa.Column("stage", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("listed", sa.Boolean(), server_default=sa.text("true"), nullable=False))
        batch_op.drop_constraint("pk_statuses", type_="primary")
        batch_op.create_primary_key("pk_statuses", ["profile", "status_id", "name"])
    op.add_column("issues", sa.Column("gone_done_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("issues", sa.Column("gone_delivered", sa.Boolean(), nullable=True))
    op.add_column("issues", sa.Column("gone_counts", sa.Boolean(), nullable=True))
    stale_gone = sa.text("facts_hash IS NULL AND gone_at IS NOT NULL")
    op.create_index(
        "ix_issues_stale_gone",
        "issues",
        ["profile", "issue_id"],
        sqlite_where=stale_gone,
        postgresql_where=stale_gone,
    )
    op.create_table(
        "former_keys",
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("issue_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("profile", "key", name=op.f("pk_former_keys")),
    )
    installation = op.create_table(
        "installation",
        sa.Column("installation_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", name=op.f("pk_installation")),
    )
    op.bulk_insert(installation, [{"installation_id": str(uuid.uuid4())}])
    for name in ("rules_hash", "requested_rules_hash", "worker", "error_kind"):
        op.add_column("runs", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("runs", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    # Rows that exist have no format: what they hold is rebuilt, never read.
    op.add_column("work_item_columns", sa.Column("format", sa.Text(), server_default="", nullable=False))
    op.create_index("ix_issues_created", "issues", ["profile", "created"])
    op.add_column("work_items", sa.Column("blocked_since", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "refresh_notices",
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("watched_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("profile", name=op.f("pk_refresh_notices")),
    )
    op.add_column("issues", sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True))
    present = sa.text("gone_at IS NULL")
    op.create_index(
        "ix_issues_verified",
        "issues",
        ["profile", "verified_at", "issue_id"],
        sqlite_where=present,
        postgresql_where=present,
    )
    for name in ("issues_verified", "issues_differed"):
        op.add_column("fetch_operations", sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("cache_metadata", sa.Column("recomputed_at", sa.DateTime(timezone=True), nullable=True))
    _rename_state("waiting", "paused")


def downgrade() -> None:
    for view in ("metric_now", "metric_weeks", "items", "freshness", "issue_links"):
        op.execute(f"DROP VIEW IF EXISTS {view}")
    _rename_state("paused", "waiting")
    op.drop_column("cache_metadata", "recomputed_at")
    for name in ("issues_differed", "issues_verified"):
        op.drop_column("fetch_operations", name)
    op.drop_index("ix_issues_verified", "issues")
    op.drop_column("issues", "verified_at")
    op.drop_table("refresh_notices")
    op.drop_column("work_items", "blocked_since")
    op.drop_index("ix_issues_created", "issues")
    op.drop_column("work_item_columns", "format")
    for name in ("due_at", "error_kind", "worker", "requested_rules_hash", "rules_hash"):
        op.drop_column("runs", name)
    op.drop_table("installation")
    op.drop_table("former_keys")
    op.drop_index("ix_issues_stale_gone", "issues")
    for name in ("gone_counts", "gone_delivered", "gone_done_at"):
        op.drop_column("issues", name)
    op.execute("DROP VIEW IF EXISTS status_times")
    op.execute("DELETE FROM statuses WHERE NOT listed")
    with op.batch_alter_table("statuses", schema=None) as batch_op:
        batch_op.drop_column("listed")
        batch_op.drop_column("stage")
        batch_op.drop_constraint("pk_statuses", type_="primary")
        batch_op.create_primary_key("pk_statuses", ["profile", "status_id"])
    op.drop_column("deployments", "rework")
    op.drop_index("ix_issues_sub_tasks", "issues")
    op.drop_column("issues", "parent")
    op.drop_column("issues", "project_id")
    op.drop_column("issues", "subtask")
    op.drop_column("issues", "hierarchy_level")
    op.drop_column("incidents", "excluded")
    op.execute("UPDATE deployments SET failed = false WHERE failed IS NULL")
    with op.batch_alter_table("deployments", schema=None) as batch_op:
        batch_op.alter_column(
            "failed", existing_type=sa.Boolean(), nullable=False, server_default=sa.text("false")
        )


def _rename_state(old: str, new: str) -> None:
    """Rename a live state. A fetch at work begins again, because the stages in its cursor have other names there."""
    runs = sa.table(
        "runs", *(sa.column(name) for name in ("run_id", "state", "step")), sa.column("cursor", sa.JSON())
    )
    op.drop_index("uq_runs_live_profile", "runs")
    op.execute(runs.update().where(runs.c.state == old).values(state=new))
    live = runs.c.state.in_(("queued", "running", new))
    connection = op.get_bind()
    rows = connection.execute(sa.select(runs.c.run_id, runs.c.cursor).where(live, runs.c.step == "fetch")).all()
    for run_id, cursor in rows:
        kept = {name: value for name, value in cursor.items() if name == "request_id"}
        connection.execute(runs.update().where(runs.c.run_id == run_id).values(cursor=kept))
    where = sa.text(f"state IN ('queued', 'running', '{new}')")
    op.create_index(
        "uq_runs_live_profile", "runs", ["profile"], unique=True, sqlite_where=where, postgresql_where=where
    )
