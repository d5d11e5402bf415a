package dev.bantam.dl4j;

import dev.bantam.compression.TensorSelector;

/**
 * Names of a network's parameters: {@code network.<layer>.<key>}, with the layer's number in a
 * {@code MultiLayerNetwork} or its name in a {@code ComputationGraph}, and DL4J's key of the
 * parameter: {@code W} weights, {@code RW} recurrent weights, {@code b} bias, {@code g} gain, and
 * those of batch normalization.
 *
 * @param layer number or name
 * @param key DL4J's
 */
record ParameterName(String layer, String key) {
  /** Reads DL4J's name, {@code <layer>_<key>}; keys have no underscore. */
  static ParameterName ofTable(String name) {
    final int at = name.lastIndexOf('_');
    return new ParameterName(name.substring(0, at), name.substring(at + 1));
  }

  /** Reads {@link #toString}. */
  static ParameterName parse(String name) {
    final int at = name.lastIndexOf('.');
    return new ParameterName(
        name.substring(TensorSelector.NETWORK_PREFIX.length(), at), name.substring(at + 1));
  }

  @Override
  public String toString() {
    return TensorSelector.NETWORK_PREFIX + layer + "." + key;
  }
}
