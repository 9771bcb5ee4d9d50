import logging

import pytest

from mmseg_incremental.utils.quiet import quiet, without_logs


def test_prints_and_logs_are_hidden_but_warnings_are_not(
    capsys: pytest.CaptureFixture, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger('somebody')
    with caplog.at_level(logging.DEBUG):
        with quiet(), without_logs():
            print('printed')
            log.info('told')
            log.warning('warned')
        log.info('told again')
    assert capsys.readouterr().out == ''
    assert [record.getMessage() for record in caplog.records] == ['warned', 'told again']
