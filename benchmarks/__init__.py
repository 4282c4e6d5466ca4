"""How long things take. Never part of the tests: a timed test fails on a busy machine."""
