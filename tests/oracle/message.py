"""What the two sides of the oracle are made of."""
import re

ANY = object()       # equals everything


class Message:
    """One message: where it belongs, what identifies it there, and the fields to compare."""

    def __init__(self, place, mark, fields, partial=False, where=''):
        self.place, self.mark, self.fields, self.partial, self.where = place, mark, fields, partial, where

    def __repr__(self):
        return '%s %s' % (self.where, self.mark)


def plain(value):
    """Text as both sides can show it: what is no printable ASCII is one mark."""
    return re.sub(r'[^\x20-\x7e]+|\\[rnt]|\\x[0-9a-f]{2}', '?', value) if isinstance(value, str) else value


def endpoints(a, b):
    return tuple(sorted((a, b)))


def address(ip, port):
    return ('[%s]:%s' if ':' in ip else '%s:%s') % (ip, port)
