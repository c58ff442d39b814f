"""The native half of `voice_core` with PostgreSQL, MongoDB and S3 in it. `voice_core` takes it when it is there: import that."""
