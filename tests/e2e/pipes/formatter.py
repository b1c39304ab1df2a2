"""The source of a formatter plugin; the tests fill in its methods."""

FORMATTER = '''
from kaito import hookimpl

class Odd:
    """Odd."""
    name = "odd"
    def __init__(self, screen, settings):
        {init}
    def feed(self, delta):
        {feed}
    def finish(self, reply):
        {finish}

@hookimpl
def kaito_formatters():
    return [Odd]
'''
