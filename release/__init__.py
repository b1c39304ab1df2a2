"""Builds what a release consists of: the distributions, the single-file program, and the manifest for krew."""
