"""The one event loop, and how the main thread waits for what runs in it.

For a person it runs on a background thread (`thread`): while the prompt waits for a key, connections stay alive and
tunnels answer their pings. For a script it runs on the main thread (`here`), which never waits for anything else, and
handing each piece of an answer from one thread to another would be most of the work.

Ctrl-C reaches the main thread alone (`interrupts`); there the first cancels what runs in the loop and the wait goes on
until that has cleaned up, the second raises `Abandoned`. A signal that ends the process does as the first, and never as
the second.
"""
