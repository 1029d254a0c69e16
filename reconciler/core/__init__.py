"""Pure values and rules: nothing here imports an SDK, YAML or a socket, and nothing reads a clock."""
