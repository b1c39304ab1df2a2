"""The OpenAI chat protocol: pure layers from bytes to decisions, and a client that moves the bytes.

X
failure into what to do next; none of them does I/O. `http` makes the connection and `client` drives them all.
"""
