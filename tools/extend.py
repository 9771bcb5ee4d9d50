"""``mmseg-incremental extend`` of a clone."""

from mmseg_incremental.commands.extend import main

if __name__ == '__main__':
    main()
