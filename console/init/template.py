"""The commented ``flowbeat.toml`` that ``flowbeat init`` writes: every key, with its default or an example.

It works as written once base_url, email and jql are filled in. A line that begins with ``#`` and no space is a setting
switched off; one that begins with ``#`` and a space is a comment. docs/configuration.md says more about each key.
"""

TEMPLATE = """\
# Flowbeat's configuration. Every key is here; those switched off with # show their default or an example.
# After a change: flowbeat check
# Each can be set by an environment variable too, which wins: FLOWBEAT_LOG_DIR, FLOWBEAT_PROFILES__TEAM__JQL.
# No password and no token belongs in this file. Relative paths count from the folder of this file.

#timezone = "UTC"                             # IANA name: of schedules, and of profiles that name none
#database_url = "sqlite:///flowbeat.db"       # or postgresql://user@host/flowbeat
#database_password_file = "/run/secrets/db"   # its password, as the only line of a file
#redis_url = "redis://localhost:6379/0"       # without it, Flowbeat runs a queue of its own under state_dir
#redis_password_file = "/run/secrets/redis"   # the same
#log_dir = "logs"
#log_level = "INFO"                           # DEBUG, INFO, WARNING, ERROR or CRITICAL
#state_dir = ".flowbeat"                      # the queue's own files
#max_age_hours = 24                           # how long calculate trusts the stored copy before it asks Jira

# --- your Jira: fill in base_url and email, and put the token into the environment: export JIRA_TOKEN=... -----------

[connections.jira]
base_url = "https://your-site.atlassian.net"  # Data Center: with its context path, https://jira.example.com/jira
email = "you@example.com"                     # whose token it is; remove this line for a Data Center token
token_env = "JIRA_TOKEN"                      # the name of the variable, never the token itself
#token_file = "jira.token"                    # instead of token_env: a file with the token as its only line
#requests = 100                               # never more requests than this ...
#per_seconds = 10                             # ... in any span of this many seconds
#concurrency = 8                              # requests under way at once
#overlap_minutes = 15                         # how far a refresh looks back for what Jira indexed late
#flavour = "cloud"                            # cloud or datacenter; found out when left out
#timeout_seconds = 30                         # how long one answer may take

# What several profiles share may stand once, under [defaults], [defaults.fields], [defaults.workflow], ...
# The keys are those of a profile, and a profile's own key wins.

# --- your team: fill in jql; rename [profiles.team] in all its lines ------------------------------

[profiles.team]
connection = "jira"
jql = "project = KEY"                         # the team's issues; with relative dates the past would shrink
#time_period_days = 30                        # the period: this many whole days before today
#history_weeks = 52                           # number of ISO weeks, the current one included
#schedule = "0 2 * * *"                       # minute, hour, day, month, weekday; without it, only by hand
#timezone = "Europe/Zagreb"                   # where the team's days begin, if not in the time zone above
#store_summaries = true                       # keep the issues' titles in the database
#report = "reports/team.html"                  # write the report page to this file after each calculation
#ignored_types = ["Epic", "Initiative"]       # types left out; without it, Jira's own hierarchy decides
#excluded_statuses = ["Rejected"]             # what ends in one of these was done but not delivered
#excluded_resolutions = [
#"Won't Do", "Won't Fix", "Duplicate", "Cannot Reproduce", "Invalid",
#"Declined", "Incomplete", "Not A Bug", "Abandoned",
#]
#failure_values = ["yes", "true", "failed", "failure"]
#gone_issues = "drop"                         # or keep_done: done issues that left Jira still count

# Fields by name or id, or a path into one (customfield_10100.value). Only what is named here is read.
[profiles.team.fields]
#points = "Story point estimate"              # or several, asked in turn: ["Story Points", "Estimate"]
#deployed_at = "Deployed at"
#committed_at = "First commit"
#change_failure = "Change failed"
#detected_at = "Detected at"
#restored_at = "Restored at"
#flagged = "Flagged"                          # an item is blocked while this field is not empty; its history counts
#rework = "Unplanned rework"                  # of a deploying issue: made to repair something users saw

# The stage of a status, by name or id, where Jira's category of it is not what the team means.
[profiles.team.workflow]
#todo = ["Selected for Development"]
#active = ["In Progress"]
#waiting = ["In Review", "Blocked"]
#done = ["Released"]

# The issue types of each category; a list given replaces the default shown.
[profiles.team.categories]
#feature = ["Story", "Task", "New Feature", "Improvement", "Feature"]
#defect = ["Bug", "Defect"]
#risk = ["Security", "Risk"]
#debt = ["Technical Debt", "Chore", "Refactoring"]

# The bounds of elite, high and medium (DORA report 2023).
[profiles.team.levels]
#deployment_frequency = [1, 0.14285714285714285, 0.03333333333333333]  # at least this many a day: 1, 1/7, 1/30
#lead_time = [1, 7, 30]                       # less than this many days
#cfr = [5, 10, 15]                            # at most this percentage
#mttr = [1, 24, 168]                          # less than this many hours

# What a deployment is. Until this is switched on, deployment_frequency, lead_time and cfr say what is missing.
#   source = "versions"  each released version of the projects
#   source = "issues"    each issue of the given types
#   source = "status"    each entry of a work item into one of the statuses
#   source = "table"     rows your pipeline writes, or flowbeat import deployments
#[profiles.team.deployments]
#source = "versions"
# with source = "issues", and group_by only to make one deployment of the issues that share a version:
#types = ["Deployment"]
#group_by = "fixVersions"
# with source = "status":
#statuses = ["Released"]

# Which issues are incidents. Until this is switched on, mttr, and in part cfr, say what is missing.
#[profiles.team.incidents]
#types = ["Incident"]
#priorities = ["Highest", "High"]             # only these; all when left out
#excluded_resolutions = ["Duplicate", "Cannot Reproduce", "Invalid", "Not A Bug"]  # false alarms

# Statuses in which an item in progress is blocked, beside fields.flagged. flow_blocked needs one of the two.
#[profiles.team.blocked]
#statuses = ["Blocked", "On Hold"]

# What you promise. Until this is switched on, service_level says what is missing.
#[profiles.team.service_level]
#days = 10                                    # an item keeps the promise when its flow time is at most this
#percent = 85                                 # where your target lies: this percentage of items should keep it

# --- upkeep ----------------------------------------------------------------------------------------------------------

# For how many days the rows about past work, and rotated log files, are kept. Metrics are never deleted.
[retention]
#runs_days = 365
#fetch_operations_days = 365
#performance_days = 365
#logs_days = 30

# Runs without a heartbeat: they are given to another worker.
[stalled_runs]
#after_seconds = 30                           # a run without a heartbeat for this long counts as stalled
#check_every_seconds = 15                     # how often Beat looks for such runs

# Issues are read again in rotation, because Jira makes some changes without moving an issue's updated time.
[changelog_audit]
#every_days = 7                               # within these days every issue is compared with Jira once
#issues_per_run = 1000                        # maximum issues that one refresh reads again

# What is called when a scheduled refresh fails, is overdue or is well again; keep one of the three ways.
[notify]
#command = ["/usr/local/bin/notify"]          # a program and its arguments; it reads JSON from its standard input
#webhook_env = "FLOWBEAT_WEBHOOK"             # the name of the variable that holds the webhook's address
#webhook_file = "webhook"                     # instead of it: a file with the address as its only line
#overdue_minutes = 60                         # how long after its instant a refresh without a run is overdue
#timeout_seconds = 10                         # how long the command or the webhook may take
"""
