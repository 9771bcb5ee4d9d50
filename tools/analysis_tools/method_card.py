"""``mmseg-incremental method-card`` of a clone."""

from mmseg_incremental.commands.method_card import main

if __name__ == '__main__':
    main()
