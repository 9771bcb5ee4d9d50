"""One page that tells everything about a sequence, or about several side by side."""

from .page import write_report

__all__ = ['write_report']
