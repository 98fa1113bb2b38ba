# SPDX-License-Identifier: Apache-2.0
"""Builds a network with larq and converts it for Larq Compute Engine: `python -m … NETWORK BATCH FILE`.

The network is written the way that suits that engine best, so that the comparison is with its fast path:

- ReLU, then BatchNorm, then the pool, so that its converter fuses a layer into one binary convolution that
  writes bits, and pools bits;
- padding of binary layers with +1, which its users are advised to train with; zero padding takes its
  reference kernel;
- a dense layer as a convolution whose window is the whole input: it has no packed dense layer.

The first layer is real and the last one is binary, as in Signet.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import larq
import larq_compute_engine
import numpy as np
import tensorflow as tf

from comparison.networks import Kind, Layer, Network, network_named

keras = tf.keras


def same_or_valid(layer: Layer) -> str:
    """The name that Keras has for a layer's padding, where the output size agrees."""
    if layer.output[0] == (layer.input[0] - layer.kernel) // layer.stride + 1:
        return "valid"
    if layer.output[0] == -(-layer.input[0] // layer.stride):
        return "same"
    raise ValueError(f"{layer.name}: its padding is neither Keras's 'valid' nor 'same'")


def real_convolution(layer: Layer, x: tf.Tensor) -> tf.Tensor:
    """The first layer, in float32."""
    try:
        padding = same_or_valid(layer)
    except ValueError:
        x, padding = keras.layers.ZeroPadding2D(layer.padding)(x), "valid"
    return keras.layers.Conv2D(
        layer.output[1],
        layer.kernel,
        layer.stride,
        padding,
        activation="relu",
        kernel_initializer="he_uniform",
    )(x)


def convolutions(layer: Layer, parts: list[tf.Tensor], wanted: int, is_last: bool) -> list[tf.Tensor]:
    """A binary layer as plain convolutions, its channels in `wanted` parts.

    The converter keeps grouped convolutions real. Group g reads part g; a layer without groups in front of
    one with groups writes each group's channels by a convolution of its own, so that nothing comes between a
    layer's bits and the next one.
    """
    if len(parts) != layer.groups:
        parts = [merged(parts)] if layer.groups == 1 else tf.split(merged(parts), layer.groups, axis=-1)
    inputs = parts * wanted if layer.groups == 1 else parts
    return [
        larq.layers.QuantConv2D(
            layer.output[1] // len(inputs),
            layer.kernel,
            layer.stride,
            same_or_valid(layer),
            pad_values=1.0,
            input_quantizer="ste_sign",
            kernel_quantizer="ste_sign",
            kernel_initializer=keras.initializers.RandomUniform(-1, 1),
            use_bias=False,
            activation=None if is_last else "relu",
        )(x)
        for x in inputs
    ]


def merged(parts: list[tf.Tensor]) -> tf.Tensor:
    """All channels in one tensor."""
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=-1)


def normalisation(deviation: float) -> keras.layers.Layer:
    """BatchNorm whose statistics fit a ReLU of zero-mean sums with this deviation: signs come out mixed."""
    return keras.layers.BatchNormalization(
        moving_mean_initializer=keras.initializers.Constant(0.4 * deviation),
        moving_variance_initializer=keras.initializers.Constant(0.34 * deviation**2),
    )


def build(network: Network, batch: int) -> keras.Model:
    """The network for a fixed batch, with random weights."""
    keras.utils.set_random_seed(1)
    image = keras.Input((network.size, network.size, network.channels), batch_size=batch)
    first, last = network.convolutions[0], network.convolutions[-1]
    groups_of_next = [layer.groups for layer in network.convolutions[1:]] + [1]
    parts, index = [image], 0
    for layer in network.layers:
        if layer.kind == Kind.MAX_POOL:
            parts = [
                keras.layers.MaxPool2D(layer.kernel, layer.stride, same_or_valid(layer))(x) for x in parts
            ]
        elif layer.kind == Kind.AVERAGE_POOL:
            parts = [keras.layers.GlobalAveragePooling2D()(x) for x in parts]
        else:
            if layer is first:
                parts = [real_convolution(layer, image)]
            else:
                parts = convolutions(layer, parts, groups_of_next[index], layer is last)
            if layer is not last:
                parts = [normalisation(1.0 if layer is first else np.sqrt(layer.fan_in))(x) for x in parts]
            index += 1
    return keras.Model(image, keras.layers.Reshape((network.classes,))(merged(parts)))


def main() -> None:
    network, batch, path = network_named(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    flatbuffer = larq_compute_engine.convert_keras_model(build(network, batch))
    partial = path.with_suffix(".partial")
    partial.write_bytes(flatbuffer)
    partial.replace(path)


if __name__ == "__main__":
    main()
