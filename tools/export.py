"""``mmseg-incremental export`` of a clone."""

from mmseg_incremental.commands.export import main

if __name__ == '__main__':
    main()
