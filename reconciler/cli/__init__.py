"""The command line: arguments, exit codes, the one error handler, and the only composition root."""
