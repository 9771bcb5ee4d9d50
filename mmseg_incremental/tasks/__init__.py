"""What is learnt when: tasks, their classes and their steps (pure Python)."""

from .class_names import class_names
from .named import build_task, get_task
from .task import Task

__all__ = ['Task', 'build_task', 'class_names', 'get_task']
