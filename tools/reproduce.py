"""``mmseg-incremental reproduce`` of a clone."""

from mmseg_incremental.commands.reproduce import main

if __name__ == '__main__':
    main()
