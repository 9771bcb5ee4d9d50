"""``mmseg-incremental prepare-voc`` of a clone."""

from mmseg_incremental.commands.prepare_voc import main

if __name__ == '__main__':
    main()
