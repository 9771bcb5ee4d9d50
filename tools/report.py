"""``mmseg-incremental report`` of a clone."""

from mmseg_incremental.commands.report import main

if __name__ == '__main__':
    main()
