-- A role that reads the views of the dashboards and nothing else. Written by: flowbeat dashboards
-- Run it once as the owner of the tables, after flowbeat migrate, and again to change the password:
--   export GRAFANA_READER_PASSWORD=…
--   psql "$FLOWBEAT_DATABASE_URL" -f reader.sql
\set ON_ERROR_STOP on
\getenv password GRAFANA_READER_PASSWORD
BEGIN;
SELECT 'CREATE ROLE flowbeat_reader' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'flowbeat_reader') \gexec
ALTER ROLE flowbeat_reader LOGIN PASSWORD :'password';
ALTER ROLE flowbeat_reader SET default_transaction_read_only = on;
ALTER ROLE flowbeat_reader SET statement_timeout = '10s';
GRANT USAGE ON SCHEMA public TO flowbeat_reader;
GRANT SELECT ON metric_now, metric_weeks, items, freshness TO flowbeat_reader;
COMMIT;
