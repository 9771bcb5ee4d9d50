"""See ``mmseg_incremental/commands/report.py``."""

from mmseg_incremental.commands.report import main

if __name__ == '__main__':
    main()
