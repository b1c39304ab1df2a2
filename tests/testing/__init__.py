"""Tests of kaito.testing."""
