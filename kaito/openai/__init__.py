"""The OpenAI chat protocol: pure layers from bytes to decisions, and a client that moves the bytes.

`sse` turns bytes into events, `chunks` events into deltas, `refusals` a server's words into meaning, `recovery` a
failure into what to do next; none of them does I/O. `http` makes the connection and `client` drives them all.
"""
