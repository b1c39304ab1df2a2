"""A formatter as a plugin, whose methods the tests fill in."""

FORMATTER = '''
from kaito import hookimpl

class Odd:
    """Odd."""
    name = "odd"
    raw = False
    def __init__(self, screen):
        {init}
    def feed(self, delta):
        {feed}
    def finish(self, reply):
        {finish}

@hookimpl
def kaito_formatters():
    return [Odd]
'''
