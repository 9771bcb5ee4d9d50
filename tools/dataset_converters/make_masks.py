"""``mmseg-incremental make-masks`` of a clone."""

from mmseg_incremental.commands.make_masks import main

if __name__ == '__main__':
    main()
