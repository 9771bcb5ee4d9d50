"""``mmseg-incremental browse`` of a clone."""

from mmseg_incremental.commands.browse import main

if __name__ == '__main__':
    main()
