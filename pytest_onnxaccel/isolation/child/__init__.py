"""What runs in a worker beyond its requests: graph functions, its own memory, the runtime's warnings."""
