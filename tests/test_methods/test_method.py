"""What a ``method`` entry of a config says, step by step."""

import copy

import pytest
from mmengine.config import Config, ConfigDict
from mmseg.registry import MODELS, TASK_UTILS
from tiny import ROOT
from torch import nn

from mmseg_incremental.errors import InputError
from mmseg_incremental.methods.method import Method
from mmseg_incremental.models.channels import Channels
from mmseg_incremental.tasks import get_task

BASES = sorted((ROOT / 'configs' / '_base_' / 'methods').glob('*.py'))
TASK = get_task('shapes', '4-1')
ENTROPY = dict(type='CrossEntropyLoss')
UNBIASED = dict(type='UnbiasedCrossEntropy')
KD = dict(type='KnowledgeDistillation', loss_weight=2.0)
MINIMAL = dict(name='Mine', loss=ENTROPY, distillation=[], classifier_init='random')


@pytest.fixture(autouse=True)
def parts():
    """Registered parts that do nothing; what they are called says what they are."""

    class Part:
        def __init__(self, value=1):
            if value < 0:
                raise ValueError('value must not be negative')
            self.value = value

    class NeedsSurvey(Part):
        needs_survey = True

    class Stock(Part):
        plain = True

    class TwoMore(Part):
        def __call__(self, task, step):
            return {'unknown': self.value, 'helper': step}

    made = dict(APart=Part, ANeedsSurvey=NeedsSurvey, AStock=Stock, ATwoMore=TwoMore)
    for name, part in made.items():
        TASK_UTILS.register_module(name=name, module=part)
    yield
    for name in made:
        TASK_UTILS.module_dict.pop(name)


PART = dict(type='APart', value=2)


def method(**changes):
    return Method(ConfigDict({**MINIMAL, **changes}))


# --- absent parts do nothing --------------------------------------------------------------------


@pytest.mark.parametrize('step', [0, 1])
def test_absent_parts_are_nothing(step):
    mine = method()
    assert mine.name == 'Mine'
    assert mine.plain is True
    assert mine.memory is None
    assert mine.model_parts(step) == dict(distillation=[], targets=None, link=None, trainable=[])
    assert mine.step_parts(step) == dict(classifier_init='random', survey=None, after_step=[])
    assert mine.needs_old_model(step) is False
    assert mine.extra_channels(TASK, step) == {}


def test_parts_may_be_none():
    names = ('first_loss', 'targets', 'link', 'extra_channels', 'trainable', 'survey', 'after_step',
             'memory')  # fmt: skip
    none = method(**dict.fromkeys(names))
    for step in (0, 1):
        assert none.model_parts(step) == method().model_parts(step)
        assert none.step_parts(step) == method().step_parts(step)
        assert none.losses(step, 3) == method().losses(step, 3)
    assert none.memory is None


def test_a_plain_dict_is_as_good():
    mine = Method(copy.deepcopy({**MINIMAL, 'first_loss': UNBIASED, 'distillation': [KD]}))
    assert mine.losses(0, 0).type == 'UnbiasedCrossEntropy'
    assert mine.model_parts(1)['distillation'] == [KD]


# --- what acts at which step --------------------------------------------------------------------


def test_first_loss_is_that_of_step_0():
    mine = method(loss=UNBIASED, first_loss=ENTROPY)
    assert mine.losses(0, 0) == ENTROPY
    assert mine.losses(1, 5) == dict(UNBIASED, num_old=5)
    assert mine.losses(2, 6) == dict(UNBIASED, num_old=6)
    assert method(loss=UNBIASED).losses(0, 0) == dict(UNBIASED, num_old=0)


def test_losses_that_ask_for_it_are_told_the_number_of_old_channels():
    losses = method(loss=[ENTROPY, UNBIASED, dict(UNBIASED, num_old=99)]).losses(1, 5)
    assert losses == [ENTROPY, dict(UNBIASED, num_old=5), dict(UNBIASED, num_old=5)]


def test_later_steps_have_what_needs_an_old_model():
    mine = method(
        distillation=[KD], targets=PART, link=PART, survey=PART, after_step=[PART], memory=PART
    )
    assert mine.model_parts(0) == dict(distillation=[], targets=None, link=PART, trainable=[])
    assert mine.model_parts(1) == dict(distillation=[KD], targets=PART, link=PART, trainable=[])
    assert mine.step_parts(0) == dict(classifier_init='random', survey=None, after_step=[])
    assert mine.step_parts(1) == dict(classifier_init='random', survey=PART, after_step=[PART])
    assert mine.memory == PART


def test_trainable_parts_say_when():
    mine = method(
        trainable=[
            dict(type='APart', value=1),
            dict(type='APart', value=2, when='first'),
            dict(type='APart', value=3, when='later'),
            dict(type='APart', value=4, when='all'),
        ]
    )
    values = [[part['value'] for part in mine.model_parts(step)['trainable']] for step in range(3)]
    assert values == [[2, 4], [1, 3, 4], [1, 3, 4]]
    assert all('when' not in part for part in mine.model_parts(1)['trainable'])
    assert mine.config.trainable[1].when == 'first', 'the config is left alone'


@pytest.mark.parametrize(
    ('changes', 'needed'),
    [
        (dict(), False),
        (dict(distillation=[KD]), True),
        (dict(targets=PART), True),
        (dict(survey=PART), True),
        (dict(after_step=[PART]), False),
        (dict(memory=PART), False),
        (dict(link=PART), False),
        (dict(trainable=[PART]), False),
    ],
    ids=str,
)
def test_old_model_is_needed_by_what_looks_at_it(changes, needed):
    mine = method(**changes)
    assert [mine.needs_old_model(step) for step in range(3)] == [False, needed, needed]


def test_channels_beside_the_classes():
    mine = method(extra_channels=dict(type='ATwoMore', value=2), link=PART)
    assert mine.extra_channels(TASK, 1) == {'unknown': 2, 'helper': 1}
    assert mine.channels(TASK, 0) == Channels(0, 5, ('unknown', 'unknown'))
    assert mine.channels(TASK, 2) == Channels(6, 1, ('unknown',) * 2 + ('helper',) * 2)
    assert method().channels(TASK, 1) == Channels(5, 1)


@pytest.mark.parametrize(
    ('link', 'plain'), [(None, True), (PART, False), (dict(type='AStock'), True)], ids=str
)
def test_a_link_says_whether_stock_mmseg_decides_alike(link, plain):
    assert method(link=link).plain is plain


def test_what_is_returned_is_ones_own():
    several = [dict(PART, when='all')]
    mine = method(
        loss=[UNBIASED], distillation=[KD], targets=PART, link=PART, survey=PART,
        trainable=several, after_step=several,
    )  # fmt: skip
    before = copy.deepcopy(mine.config.to_dict())
    mine.losses(1, 5)[0].loss_weight = 9.0
    for parts in (mine.model_parts(1), mine.step_parts(1)):
        for part in parts.values():
            for one in part if isinstance(part, list) else [part]:
                if isinstance(one, dict):
                    one.clear()
    assert mine.config.to_dict() == before


# --- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(alpha=1), r"unknown: \['alpha'\], missing: \[\]"),
        (dict(surveys=PART, target=PART), r"unknown: \['surveys', 'target'\]"),
        (dict(classifier_init='zero'), r"is 'zero'; known are \["),
        (dict(classifier_init=['random']), r"is \['random'\]; known are \["),
        (dict(classifier_init=None), 'is None; known are'),
        (dict(trainable=[dict(PART, when='never')]), r"when must be one of \['first', 'later'"),
        (dict(trainable=PART), 'method.trainable must be a list'),
        (dict(after_step=PART), 'method.after_step must be a list'),
        (dict(distillation=KD), 'method.distillation must be a list'),
        (dict(memory=[PART]), 'method.memory must be a dict'),
        (dict(extra_channels=dict(type='ATwoMore')), 'extra_channels but no link'),
        (dict(targets=dict(type='ANeedsSurvey')), 'ANeedsSurvey needs a survey'),
        (dict(targets=dict(type='Nobody')), r"method\.targets: .*'Nobody'.* names no known type"),
        (dict(targets=dict(value=3)), r'method\.targets: .* names no known type'),
        (dict(loss=dict(type='Nobody')), r"method\.loss: .*'Nobody'.* names no known type"),
        (
            dict(loss=[ENTROPY, dict(type='Nobody')]),
            r"method\.loss: .*'Nobody'.* names no known type",
        ),
        (dict(loss=[]), r'method\.loss must be a dict or a list of some'),
        (dict(loss=None), r'method\.loss must be a dict or a list of some'),
        (dict(first_loss=[]), r'method\.first_loss must be a dict or a list of some'),
        (dict(loss='ce'), r"method\.loss: 'ce' names no known type"),
        (dict(distillation=['kd']), r"method\.distillation: 'kd' names no known type"),
        (
            dict(first_loss=dict(type='Nobody')),
            r"method\.first_loss: .*'Nobody'.* names no known type",
        ),
        (dict(distillation=[dict(KD, wait=3)]), 'distillation: KnowledgeDistillation cannot be'),
        (dict(survey=dict(type='APart', value=-1)), 'survey: APart cannot .* must not be negative'),
        (dict(after_step=[dict(type='APart', speed=1)]), 'after_step: APart cannot be built'),
        (dict(memory=dict(type='APart', size=1)), 'memory: APart cannot be built'),
    ],
    ids=str,
)
def test_mistake_is_told(changes, message):
    with pytest.raises(InputError, match=message) as caught:
        method(**changes)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('key', MINIMAL)
def test_missing_key_is_told(key):
    with pytest.raises(InputError, match=rf"missing: \['{key}'\]"):
        Method({name: value for name, value in MINIMAL.items() if name != key})


@pytest.mark.parametrize('entry', [None, 3, 'mib', [MINIMAL]])
def test_method_that_is_no_dict_is_told(entry):
    with pytest.raises(InputError, match='method must be a dict'):
        Method(entry)


def test_a_part_that_is_satisfied():
    survey = dict(type='APart')
    assert (
        method(targets=dict(type='ANeedsSurvey'), survey=survey).step_parts(1)['survey'] == survey
    )


# --- the methods that there are -----------------------------------------------------------------


@pytest.mark.parametrize('path', BASES, ids=lambda path: path.stem)
def test_every_method_says_what_acts(path):
    cfg = Config.fromfile(path).method
    mine = Method(cfg)
    before = copy.deepcopy(cfg.to_dict())
    for step in range(3):
        losses = mine.losses(step, sum(TASK.classes_per_step(step)[:-1]))
        for loss in losses if isinstance(losses, list) else [losses]:
            assert isinstance(MODELS.build(loss), nn.Module)
        assert set(mine.model_parts(step)) == {'distillation', 'targets', 'link', 'trainable'}
        channels = mine.channels(TASK, step)
        assert channels.num_old + channels.num_new == sum(TASK.classes_per_step(step))
    assert not mine.needs_old_model(0)
    assert cfg.to_dict() == before


def test_distillation_of_logits_does_not_go_with_channels_beside_the_classes():
    parts = dict(
        distillation=[dict(type='KnowledgeDistillation')],
        extra_channels=dict(type='FutureClasses'),
        link=dict(type='SeenChannels'),
    )
    with pytest.raises(InputError, match='give it taps'):
        method(**parts)
    parts['distillation'][0]['module'] = 'decode_head'
    method(**parts)
