"""AF_UNIX stream sockets in a private directory, and a small process that keeps presence."""
