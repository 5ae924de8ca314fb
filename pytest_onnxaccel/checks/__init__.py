"""One file per check: pure functions from what was declared and open sessions to a CheckResult."""
