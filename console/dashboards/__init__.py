"""The dashboards command: data source and dashboards for Grafana, as files that it reads when it starts."""
