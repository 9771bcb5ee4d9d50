"""``mmseg-incremental sweep`` of a clone."""

from mmseg_incremental.commands.sweep import main

if __name__ == '__main__':
    main()
