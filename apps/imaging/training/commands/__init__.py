"""The commands of training, one a module: `add_arguments(parser)`, and `run(arguments)` which returns the exit code."""
