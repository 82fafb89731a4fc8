"""The embedded environment: real servers and doubles on loopback, for the drill and the tests."""
