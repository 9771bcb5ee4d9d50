"""``mmseg-incremental inspect`` of a clone."""

from mmseg_incremental.commands.inspect import main

if __name__ == '__main__':
    main()
