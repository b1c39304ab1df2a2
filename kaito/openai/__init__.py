"""The OpenAI chat protocol: pure layers from bytes to decisions, and a client that moves the bytes.

`sse` turns bytes into events, `chunks` events of the `shapes` into deltas, `refusals` a server's words into meaning,
`recovery` a failure into what to do next; none of them does I/O. `http` makes the connection, `answer` reads one answer
from it, and `client` drives them all.
"""
