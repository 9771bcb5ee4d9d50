"""``mmseg-incremental fit-batch`` of a clone."""

from mmseg_incremental.commands.fit_batch import main

if __name__ == '__main__':
    main()
