"""What a result says of its step beside the metrics."""

import json

from ..datasets import leaf_datasets
from ..sequence.safe_loading import load_checkpoint
from ..sequence.sequence import Step
from ..sequence.step_plan import StepPlan
from ..utils.versions import versions
from .learning_curve import read_learning_curve


def step_facts(step: Step, plan: StepPlan, batch_size: int) -> dict[str, object]:
    """Facts of a finished step, as docs/results.md lists them.

    Args:
        step: The step.
        plan: What it was to do.
        batch_size: Pictures per iteration, over all processes.

    Returns:
        Name to plain value.

    Raises:
        CheckpointError: If its checkpoint cannot be read.
    """
    meta = load_checkpoint(plan.target).get('meta') or {}
    facts = dict(
        num_images=plan.num_images,
        iterations=plan.iters,
        batch_size=batch_size,
        fingerprint=meta.get('fingerprint'),
        seed=meta.get('seed'),
        taken_from=meta.get('taken_from'),
        cost=meta.get('cost'),
        inference=_inference(step),
        versions=versions(),
    )
    curve = read_learning_curve(step.sequence.work_dir.step_dir(plan.step))
    if curve and step.schedule.num_evaluations > 1:
        facts['learning_curve'] = curve
    return facts


def _inference(step: Step) -> dict:
    """How test pictures are brought to the network, in plain values.

    Args:
        step: The step.

    Returns:
        ``test_cfg`` of the model (whole pictures or a sliding window) and the test ``pipeline``.
    """
    loaders = [step.config.get(name) for name in ('test_dataloader', 'old_test_dataloader')]
    leaves = [leaf for loader in loaders if loader for leaf in leaf_datasets(loader.dataset)]
    pipeline = leaves[0].pipeline if leaves else None
    found = dict(test_cfg=step.config.model.get('test_cfg'), pipeline=pipeline)
    return json.loads(json.dumps(found, default=str))
