"""The observer's side of the live streams: needs only a client."""
