"""Schedules for the learning rate and the momentum, computed inside the compiled step."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

__all__ = ["LinearSchedule", "ScheduledSGD", "one_cycle"]


@keras.saving.register_keras_serializable("trainlab")
class LinearSchedule(LearningRateSchedule):
    """Straight lines between knots; before the first and after the last the value stays.

        value(t) = values[i] + (values[i+1] - values[i]) (t - steps[i]) / (steps[i+1] - steps[i])

    Args:
        steps: Steps of the knots in rising order, two or more. Steps are counted from 0.
        values: One value a knot.

    Raises:
        ValueError: The steps do not rise, or there are not as many values as steps.

    Example:
        >>> float(LinearSchedule([0, 10], [0.0, 0.1])(5))
        0.05...

    Taught in chapter 08.
    """

    def __init__(self, steps: Sequence[float], values: Sequence[float]) -> None:
        self.steps = [float(step) for step in steps]
        self.values = [float(value) for value in values]
        rising = all(a < b for a, b in itertools.pairwise(self.steps))
        if len(self.steps) < 2 or not rising:
            raise ValueError(
                "`steps` must hold two or more steps in rising order; received "
                f"{self.steps}. Leave out a line that has no length."
            )
        if len(self.steps) != len(self.values):
            raise ValueError(
                f"{len(self.steps)} steps and {len(self.values)} values were given; each knot "
                "needs one of both."
            )

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, keras.config.floatx())
        value = ops.cast(self.values[0], keras.config.floatx())
        for (start, end), (low, high) in zip(
            itertools.pairwise(self.steps), itertools.pairwise(self.values), strict=True
        ):
            share = ops.clip((step - start) / (end - start), 0.0, 1.0)
            value = value + share * (high - low)
        return value

    def get_config(self) -> dict[str, Any]:
        return {"steps": self.steps, "values": self.values}


@keras.saving.register_keras_serializable("trainlab")
class ScheduledSGD(keras.optimizers.SGD):
    """SGD whose rate is a peak times a shape, and whose momentum may change from step to step.

        η = learning_rate * schedule(t)
        velocity = momentum(t) * velocity - η * gradient
        weight = weight + velocity

    Keras' own SGD reads its momentum once, when the training step is compiled; what is assigned
    later has no effect. Here the momentum is computed from the optimizer's step count inside the
    step. The peak stays a variable of its own, so that models which differ in nothing but the peak
    can share a compiled program (`trainlab.training.sweep`), and callbacks such as
    `ReduceLROnPlateau` can still change it. `learning_rate` reads the peak, not the product.

    Args:
        learning_rate: The factor in front of the schedule, or a Keras schedule.
        momentum: A number in [0, 1], or a schedule: a function of the step.
        schedule: The rate in units of `learning_rate`, as a function of the step; `None` for 1.
        **options: What else `keras.optimizers.SGD` takes, except `nesterov`.

    Raises:
        ValueError: `nesterov` is asked for, or Keras refuses an argument.

    Example:
        >>> steps = 550 * epochs
        >>> cosine = keras.optimizers.schedules.CosineDecay(1.0, steps)
        >>> model.compile(ScheduledSGD(0.1, momentum=0.9, schedule=cosine), loss=...)

    Taught in chapters 08 and 10.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.01,
        momentum: float | Callable[[Any], Any] = 0.9,
        schedule: Callable[[Any], Any] | None = None,
        **options: Any,
    ) -> None:
        if options.pop("nesterov", False):
            raise ValueError("ScheduledSGD has no Nesterov momentum; use keras.optimizers.SGD.")
        # SGD keeps a velocity only if its momentum is a number other than 0.
        super().__init__(
            learning_rate, momentum=0.9 if callable(momentum) else float(momentum), **options
        )
        self.momentum_schedule = momentum if callable(momentum) else None
        self.schedule = schedule

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if self.schedule is not None:
            shape = ops.cast(self.schedule(_batches(self)), variable.dtype)
            learning_rate = ops.cast(learning_rate, variable.dtype) * shape
        if self.momentum_schedule is None:
            super().update_step(gradient, variable, learning_rate)
            return
        learning_rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        momentum = ops.cast(self.momentum_schedule(_batches(self)), variable.dtype)
        velocity = _velocity(self, variable)
        self.assign(velocity, momentum * velocity - learning_rate * gradient)
        self.assign_add(variable, velocity)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("nesterov")
        serialize = keras.saving.serialize_keras_object
        config["schedule"] = serialize(self.schedule)
        if self.momentum_schedule is not None:
            config["momentum"] = serialize(self.momentum_schedule)
        return config

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> ScheduledSGD:
        config = dict(config)
        for name in ("schedule", "momentum"):
            if isinstance(config.get(name), dict):
                config[name] = keras.saving.deserialize_keras_object(
                    config[name], custom_objects=custom_objects
                )
        return super().from_config(config, custom_objects=custom_objects)


def _batches(optimizer: keras.Optimizer) -> Any:
    """How many batches were done, by which Keras' own schedules count.

    An optimizer that accumulates gradients counts its updates, and each comes with the last batch.
    """
    accumulated = optimizer.gradient_accumulation_steps
    if not accumulated:
        return optimizer.iterations
    return (optimizer.iterations + 1) * accumulated - 1


def _velocity(optimizer: keras.optimizers.SGD, variable: Any) -> keras.Variable:
    """The velocity of a variable, which Keras keeps by a private number."""
    return optimizer.momentums[optimizer._get_variable_index(variable)]


def one_cycle(
    learning_rate: float, steps: float, *, momenta: tuple[float, float] = (0.95, 0.85)
) -> ScheduledSGD:
    """Return SGD with the 1cycle policy (Smith, 2018, arXiv:1803.09820).

    The rate rises in a straight line from a tenth of the peak to the peak in the first 45 % of the
    steps, falls back as long, and ends with a tenth of the steps in which it drops to a thousandth.
    The momentum goes the other way: down while the rate rises, up while it falls.

    Args:
        learning_rate: The peak.
        steps: Number of steps of the whole training: batches an epoch times epochs.
        momenta: The momentum at the ends and at the peak; two equal numbers for a fixed one.

    Raises:
        ValueError: `steps` is not above 0.

    Example:
        >>> optimizer = one_cycle(0.1, steps=550 * 5)

    Taught in chapters 08 and 10.
    """
    if steps <= 0:
        raise ValueError(f"steps={steps} is not above 0: a cycle needs the number of all steps.")
    slow, fast = momenta
    knots = [0, 0.45 * steps, 0.9 * steps, steps]
    return ScheduledSGD(
        learning_rate,
        momentum=LinearSchedule(knots[:3], [slow, fast, slow]),
        schedule=LinearSchedule(knots, [0.1, 1.0, 0.1, 0.001]),
    )
