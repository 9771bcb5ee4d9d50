"""``mmseg-incremental predict`` of a clone."""

from mmseg_incremental.commands.predict import main

if __name__ == '__main__':
    main()
