"""How near every pixel of a label map is to another class."""

from numbers import Real

import cv2
import numpy as np

from ..errors import InputError


def check_sigma(sigma: float) -> None:
    """Check the distance over which a boundary distance map falls by a factor e.

    Args:
        sigma: Distance in pixels.

    Raises:
        InputError: If it is not a finite number above 0.
    """
    # to Python True is a number as well
    if isinstance(sigma, bool) or not isinstance(sigma, Real) or not 0 < sigma < np.inf:
        raise InputError(f'sigma must be a number of pixels above 0, not {sigma!r}')


def boundary_distance_map(
    labels: np.ndarray, ignore_index: int = 255, sigma: float = 5.0
) -> np.ndarray:
    r"""Compute how near each pixel is to a pixel of another class, 1 at most.

    :math:`D_i = e^{-d_i / \sigma}`, where :math:`d_i` is the euclidean distance between the
    centres of pixel i and of the nearest pixel that has another class. So D is largest, at
    :math:`e^{-1 / \sigma}`, on both sides of a boundary and falls to 0 away from it. Ignored
    pixels are no class: the distance is measured across them as if they were empty, and their own
    D is 0. D is 0 everywhere in a picture with a single class.

    Args:
        labels: Labels (H, W), integers: H x W pixels.
        ignore_index: Label of the pixels that are no class.
        sigma: Distance in pixels over which D falls by a factor e, above 0.

    Returns:
        D (H, W), float32, within [0, 1).

    Raises:
        ValueError: If the labels are not one picture.
        InputError: If ``sigma`` is not above 0.

    Example:
        >>> boundary_distance_map(np.array([[3, 3, 255, 7]]), sigma=2.0).round(4)
        array([[0.2231, 0.3679, 0.    , 0.3679]], dtype=float32)
    """
    check_sigma(sigma)
    if labels.ndim != 2:
        raise ValueError(f'labels must have shape (H, W), not {labels.shape}')
    nearness = np.zeros(labels.shape, dtype=np.float32)
    valid = labels != ignore_index
    classes = np.unique(labels[valid])
    # Without another class there is nothing to measure to.
    for label in classes if len(classes) > 1 else ():
        own = labels == label
        to_cross = (own | ~valid).astype(np.uint8)  # OpenCV measures to the nearest zero
        distance = cv2.distanceTransform(to_cross, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        # Squared distances are whole numbers. OpenCV has two algorithms, chosen by its number of
        # threads; without their rounding errors a crop has one map, whatever process makes it.
        squared = np.rint(distance[own].astype(np.float64) ** 2)
        nearness[own] = np.exp(-np.sqrt(squared) / sigma)
    return nearness
