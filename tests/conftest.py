"""The tests use what plugin authors get."""

pytest_plugins = ["kaito.testing.fixtures"]
