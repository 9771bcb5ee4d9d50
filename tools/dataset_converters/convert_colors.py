"""``mmseg-incremental convert-colors`` of a clone."""

from mmseg_incremental.commands.convert_colors import main

if __name__ == '__main__':
    main()
