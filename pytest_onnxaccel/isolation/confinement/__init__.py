"""The walls around a worker: Landlock, system calls, sockets."""
