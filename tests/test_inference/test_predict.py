import csv
import shutil

import cv2
import numpy as np
import pytest
import torch
from mmseg.apis import inference_model, init_model
from PIL import Image
from tiny import command_main
from untrained import untrained_step

from mmseg_incremental.apis import IncrementalInferencer
from mmseg_incremental.errors import InputError
from mmseg_incremental.inference import find_input
from mmseg_incremental.sequence.finished_step import find_checkpoints


@pytest.fixture
def pictures(shapes, tmp_path):
    """Three of one size, one of another, and what is no picture."""
    folder = tmp_path / 'in'
    folder.mkdir()
    for path in sorted((shapes / 'JPEGImages').glob('*.jpg'))[:3]:
        shutil.copy(path, folder)
    Image.open(path).crop((0, 0, 50, 41)).save(folder / 'cropped.png')
    (folder / 'notes.txt').write_text('no picture')
    return folder


def stock_labels(trained, step, path):
    model = init_model(
        str(trained / f'step_{step}.py'), str(trained / f'step_{step}.pth'), device='cpu'
    )
    return inference_model(model, str(path)).pred_sem_seg.data[0].numpy()


def read_rows(path):
    with open(path, newline='') as file:
        return list(csv.DictReader(file))


def test_folder_with_the_last_step(trained, pictures, tmp_path, capsys):
    out = tmp_path / 'out'
    command_main('predict')([trained, pictures, '--out', out, '--batch-size', 2])
    assert f'wrote {out / "areas.csv"}' in capsys.readouterr().out
    names = sorted(path.stem for path in pictures.iterdir() if path.suffix != '.txt')
    assert sorted(path.stem for path in (out / 'overlays').iterdir()) == names
    classes = IncrementalInferencer(trained).classes
    rows = read_rows(out / 'areas.csv')
    assert len(rows) == len(names) * len(classes)
    for path in pictures.glob('*.[jp]*g'):
        image = Image.open(out / 'labels' / 'step_2' / f'{path.stem}.png')
        labels, expected = np.asarray(image), stock_labels(trained, 2, path)
        assert image.mode == 'P'
        assert np.array_equal(labels, expected)
        areas = {r['class']: int(r['pixels']) for r in rows if r['picture'] == path.stem}
        assert areas == {name: int((expected == k).sum()) for k, name in enumerate(classes)}
    assert sum(float(row['share']) for row in rows) == pytest.approx(len(names), abs=1e-4)


def test_all_steps_side_by_side(trained, pictures, tmp_path):
    (picture, *_) = sorted(pictures.glob('*.jpg'))
    out = tmp_path / 'out'
    command_main('predict')([trained, picture, '--step', 'all', '--out', out])
    assert sorted(path.name[-1] for path in (out / 'labels').iterdir()) == [*'012']
    steps = [row['step'] for row in read_rows(out / 'areas.csv')]
    assert steps == [*'00000', *'111111', *'2222222']
    one = out / 'one'
    command_main('predict')([trained / 'step_1.pth', picture, '--out', one])
    side, alone = (Image.open(d / 'overlays' / f'{picture.stem}.png') for d in (out, one))
    assert side.width > 4 * 360 > alone.width
    same = [d / 'labels' / 'step_1' / f'{picture.stem}.png' for d in (out, one)]
    assert same[0].read_bytes() == same[1].read_bytes()


def test_video_becomes_a_video(trained, pictures, tmp_path):
    clip = tmp_path / 'clip.avi'
    frame = cv2.imread(str(min(pictures.glob('*.jpg'))))
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*'MJPG'), 5.0, frame.shape[1::-1])
    for shift in range(3):
        writer.write(np.roll(frame, 9 * shift, 1))
    writer.release()
    out = tmp_path / 'out'
    command_main('predict')([trained, clip, '--out', out, '--batch-size', 2])
    drawn = cv2.VideoCapture(str(out / 'overlays.mp4'))
    assert (drawn.get(cv2.CAP_PROP_FRAME_COUNT), drawn.get(cv2.CAP_PROP_FPS)) == (3, 5)
    labels = sorted((out / 'labels' / 'step_2').iterdir())
    assert [path.name for path in labels] == ['clip_1.png', 'clip_2.png', 'clip_3.png']


def test_from_python_as_mmseg_gives_it(trained, pictures):
    paths = sorted(map(str, pictures.glob('*.[jp]*g')))
    predict = IncrementalInferencer(trained, step=0, device='cpu')
    found = predict(paths, batch_size=3)['predictions']
    assert predict.classes[0] == 'background'
    for path, labels in zip(paths, found, strict=True):
        assert np.array_equal(labels, stock_labels(trained, 0, path))
    streamed = predict.label_maps((cv2.imread(path) for path in paths), 2)
    assert all(np.array_equal(*pair) for pair in zip(found, streamed, strict=True))


@pytest.mark.parametrize('method', ['ssul', 'dkd', 'rcil'])
def test_methods_that_stock_mmseg_does_not_know_predict_too(method, pictures, tmp_path):
    path, model = untrained_step(tmp_path, step=1, method=method)
    predict = IncrementalInferencer(path)
    assert type(predict.model) is type(model)
    assert all(torch.equal(predict.model.state_dict()[n], v) for n, v in model.state_dict().items())
    (labels,) = predict.label_maps([str(pictures / 'cropped.png')])
    assert labels.shape == (41, 50)
    assert labels.max() < len(predict.classes) == 6


def test_nothing_of_the_folder_is_executed(trained, pictures, tmp_path):
    folder, proof = tmp_path / 'theirs', tmp_path / 'pwned'
    folder.mkdir()
    shutil.copy(trained / 'step_0.pth', folder)
    (folder / 'step_0.py').write_text(f'open({str(proof)!r}, "w")')
    command_main('predict')([folder, pictures, '--out', tmp_path / 'out'])
    assert not proof.exists()


def test_names_stay_apart(pictures):
    first = min(pictures.glob('*.jpg'))
    Image.open(first).save(first.with_suffix('.png'))
    names = find_input(pictures).names
    assert {first.name, f'{first.stem}.png', 'cropped'} <= set(names)
    other = pictures / 'more'
    other.mkdir()
    shutil.copy(pictures / 'cropped.png', other)
    with pytest.raises(InputError, match=r'cropped\.png is there twice'):
        find_input(str(pictures / '**' / '*.png'))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['{trained}', '{pictures}/none'], 'no picture there'),
        (['{trained}', '{trained}'], 'no picture there .*; there are some in .*/pictures'),
        (['{trained}', '{pictures}/notes.txt'], r'neither a picture \(bmp .*webp\) nor a video'),
        (['{trained}', '{pictures}/broken.jpg'], 'broken.jpg: no picture that can be read'),
        (['{trained}', '{pictures}/broken.mp4'], 'broken.mp4: no video that can be read'),
        (['{trained}', '{pictures}', '--step', '7'], 'step 7 is not there; finished are 0, 1, 2'),
        (['{pictures}', '{pictures}'], 'holds no finished step'),
        (['{trained}', '{pictures}', '--device', 'cuda:99'], 'cannot predict on cuda:99'),
        (['{trained}', '{pictures}', '--out', '{pictures}/notes.txt'], 'folder cannot be made'),
    ],
)
def test_bad_input_is_one_clear_line(trained, pictures, tmp_path, arguments, message):
    (pictures / 'broken.mp4').write_bytes(b'no video')
    arguments = [a.format(trained=trained, pictures=pictures) for a in arguments]
    if 'broken.jpg' in arguments[1]:
        (pictures / 'broken.jpg').write_bytes(b'no picture')
    with pytest.raises(SystemExit, match=rf'^error: .*{message}[^\n]*$'):
        command_main('predict')(['--out', tmp_path / 'out', *arguments])


def test_checkpoint_of_another_name_is_the_step_that_it_says(trained, tmp_path):
    renamed = tmp_path / 'best.pth'
    renamed.symlink_to(trained / 'step_2.pth')
    assert find_checkpoints(renamed) == {2: renamed}
    torch.save({'state_dict': {}}, tmp_path / 'step_1.pth')
    with pytest.raises(InputError, match=r'step_1\.pth: not the checkpoint of a step'):
        find_checkpoints(tmp_path / 'step_1.pth')


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        (['--step', 'last'], "a number or all, not 'last'"),
        (['--batch-size', '0'], 'must be a positive whole number'),
        (['--opacity', '2'], 'a number from 0 to 1'),
    ],
)
def test_bad_options_name_what_they_take(option, message, capsys):
    with pytest.raises(SystemExit):
        command_main('predict')(['a', 'b', '--out', 'c', *option])
    assert message in capsys.readouterr().err
