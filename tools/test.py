"""``mmseg-incremental test`` of a clone."""

from mmseg_incremental.commands.test import main

if __name__ == '__main__':
    main()
