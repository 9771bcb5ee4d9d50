"""``mmseg-incremental compare`` of a clone."""

from mmseg_incremental.commands.compare import main

if __name__ == '__main__':
    main()
