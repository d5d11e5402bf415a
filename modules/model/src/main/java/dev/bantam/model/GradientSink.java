package dev.bantam.model;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Receives the gradient of each parameter as the backward pass produces it, last layer first. */
public interface GradientSink {
  /** Whether the gradient of this parameter is wanted at all; frozen ones cost nothing. */
  default boolean wants(String parameter) {
    return true;
  }

  /**
   * Takes one gradient.
   *
   * @param gradient same shape as the parameter; owned by the model and valid until its next
   *     backward pass
   */
  void accept(String parameter, INDArray gradient);
}
