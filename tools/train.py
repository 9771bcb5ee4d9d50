"""``mmseg-incremental train`` of a clone."""

from mmseg_incremental.commands.train import main

if __name__ == '__main__':
    main()
