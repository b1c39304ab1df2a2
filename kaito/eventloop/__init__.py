"""The event loop, and how the main thread waits for coroutines in it.

For a person it runs on a background thread (`thread`): while the prompt waits for a key, connections stay alive and
tunnels answer their pings. For a script it runs on the main thread (`main_thread`), as handing each piece of an answer
from one thread to another would be most of the work. `base` is what both share, `call` a running coroutine.

Ctrl-C reaches the main thread only (`interrupts`). The first one cancels the call that the main thread waits for, and
the wait continues until the call has cleaned up; the second one raises `Abandoned`. SIGTERM and SIGHUP (`termination`)
cancel likewise, and end the process. A signal that arrives while nothing is waited for stays pending (`keyboard`).

A plugin's task that calls `sys.exit` (`background_exits`) fails what the main thread waits for.
"""
