import io
import sys

from mmseg_incremental.utils.progress import progress_bar, tracked


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown_in(stderr, monkeypatch, **how):
    monkeypatch.setenv('TERM', 'xterm')
    monkeypatch.setattr(sys, 'stderr', stderr)
    assert list(tracked('abc', 'Reading', **how)) == ['a', 'b', 'c']
    assert list(tracked(iter('ab'), 'Reading', 2, **how)) == ['a', 'b']
    with progress_bar('Testing', 1, **how) as advance:
        advance()
    return stderr.getvalue()


def test_bar_in_a_terminal_says_how_many_are_done(monkeypatch):
    text = shown_in(Terminal(), monkeypatch)
    assert all(part in text for part in ('Reading', '3/3', '2/2', 'Testing', '1/1'))


def test_nothing_is_shown_elsewhere(monkeypatch):
    assert shown_in(Terminal(), monkeypatch, shown=False) == ''
    assert shown_in(io.StringIO(), monkeypatch) == ''
