package dev.bantam.runner.wrong.model;

import dev.bantam.runner.wrong.tensor.UpwardTensor;

/** Makes a cycle with the class it uses, on purpose. */
public final class CircularModel {
  /** Returns a size. */
  public int size(UpwardTensor tensor) {
    return tensor.hashCode();
  }
}
