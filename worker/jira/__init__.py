"""Access to Jira: a client over a requests session, its pages, and the parsing of what comes back."""
