"""See ``mmseg_incremental/commands/export.py``."""

from mmseg_incremental.commands.export import main

if __name__ == '__main__':
    main()
