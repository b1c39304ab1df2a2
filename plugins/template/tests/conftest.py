"""The fixtures that plugin authors get."""

pytest_plugins = ["kaito.testing.fixtures"]
