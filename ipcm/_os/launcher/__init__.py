"""The launcher: a process without threads that forks for one that has them."""
