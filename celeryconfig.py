"""Celery's settings that are the same everywhere, with reasons; worker/app.py adds what depends on configuration."""

from kombu import Queue

# --- tasks: found by name, carried as JSON ---
imports = ("tasks.fetch.task", "tasks.calculating", "tasks.maintain")
# A queue for each kind of work, so that neither a calculation nor the search for stalled runs waits behind all fetches.
# A worker takes from all of them in turn, or from those that -Q names.
task_queues = tuple(Queue(name, routing_key=name) for name in ("fetch", "calculate", "maintain"))
task_routes = {f"tasks.{queue.name}.*": {"queue": queue.name} for queue in task_queues}
task_default_queue = "maintain"
task_serializer = "json"
accept_content = ["json"]
task_ignore_result = True  # no result backend: results are rows in the database, waiting reads the table `runs`
result_expires = None  # else beat would send a daily task that cleans up what is not there
task_track_started = True  # so that Flower shows what is running

# --- at least once: a task is acknowledged when it has ended, and every task may run twice ---
task_acks_late = True
task_reject_on_worker_lost = True
task_retry_on_worker_lost = True  # bounded by max_retries, where rejecting alone would loop without end
worker_prefetch_multiplier = 1
worker_disable_prefetch = True  # a reserved message would be stranded when Redis restarts
worker_cancel_long_running_tasks_on_connection_loss = False  # with acks_late it loses the task's message (measured)

# --- short slices: a task works about a minute and hands on, so limits can be short ---
task_soft_time_limit = 150
task_time_limit = 180
# Longer than the hard limit plus the longest countdown that a running task could overlap with: 180 s + 120 s.
visibility_timeout = 300

# --- children are renewed before leaks matter ---
worker_max_tasks_per_child = 500
worker_max_memory_per_child = 1_000_000  # kB

# --- leaving: running slices get half a minute, then their messages go back ---
worker_soft_shutdown_timeout = 30.0
worker_enable_soft_shutdown_on_idle = False  # an idle worker has nothing to finish

# --- Redis comes and goes ---
broker_connection_retry_on_startup = True
broker_connection_max_retries = None  # for ever
broker_channel_error_retry = True  # a Redis that fails over or refuses writes is waited for too
worker_consumer = "worker.consumer:Consumer"  # with pauses between its tries
broker_transport_options = {
    "visibility_timeout": visibility_timeout,
    "unacked_restore_interval": 5,  # a killed worker's message returns within seconds of its time-out
    "unacked_restore_throttle": 1,
    "health_check_interval": 25,
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
}

# --- what operators see ---
worker_send_task_events = True  # Flower lives from these
task_send_sent_event = True
beat_enable_remote_control = True
beat_scheduler = "scheduler.beat:Scheduler"  # needs no schedule file; of several schedulers one sends
worker_hijack_root_logger = False  # worker/logs/ owns logging
worker_redirect_stdouts = False

enable_utc = True
