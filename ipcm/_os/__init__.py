"""The only home of fork, signals, wait, pidfd and stdio."""
