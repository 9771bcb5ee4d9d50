"""``mmseg-incremental make-shapes`` of a clone."""

from mmseg_incremental.commands.make_shapes import main

if __name__ == '__main__':
    main()
