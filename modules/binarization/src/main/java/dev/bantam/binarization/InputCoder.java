package dev.bantam.binarization;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * How the rows that a matrix multiplies with become small whole numbers: {@code x ~ scale codes +
 * shift}, with one scale for each row, and what of the gradient reaches the rows. A row is coded by
 * itself, so what a text gives does not depend on its neighbours in a batch.
 */
interface InputCoder {
  /**
   * Codes some rows.
   *
   * @param x [rows, columns]; not modified
   * @param codes out: whole numbers, [rows, columns]
   * @param scales out: one for each row
   */
  void encode(float[] x, int rows, int columns, float[] codes, float[] scales);

  /** What is added to {@code scale codes}. */
  default float shift() {
    return 0f;
  }

  /**
   * Turns the gradient of the coded rows into that of the rows, for a block of columns.
   *
   * @param x the rows before {@link #encode}, the block alone, [rows, columns]; not modified
   * @param column number of the block's first column
   * @param gradient in: derivative with respect to the coded block; out: to the rows
   * @param own += gradients of {@link #parameters()}
   */
  void backward(float[] x, int rows, int column, int columns, float[] gradient, double[][] own);

  /** What the codes are. */
  Codes codes();

  /**
   * Range of the codes, for packing.
   *
   * @param kind which set
   * @param bits of a whole number; 1 otherwise
   */
  record Codes(Kind kind, int bits) {}

  /** Sets of codes. */
  enum Kind {
    /** -1 and 1. */
    SIGNS,
    /** -1, 0 and 1. */
    TERNARY,
    /** 0 to {@code 2^bits - 1}. */
    UNSIGNED,
    /** {@code -2^(bits-1)} to {@code 2^(bits-1) - 1}. */
    SIGNED
  }

  /** Trainable tensors by name, in a fixed order. */
  default Map<String, INDArray> parameters() {
    return Map.of();
  }

  /** What the learning rate of a parameter is multiplied with. */
  default double learningRateFactor(String parameter) {
    return 1;
  }

  /** Reads the parameters; called before each pass. */
  default void prepare() {}

  /** The same with parameters of its own, as they are now. */
  default InputCoder copy() {
    return this;
  }
}
