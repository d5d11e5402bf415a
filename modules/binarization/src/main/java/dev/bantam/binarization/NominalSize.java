package dev.bantam.binarization;

import dev.bantam.compression.TensorSelector;
import java.util.Map;

/**
 * Sizes and operations as papers on binary encoders count them, to read their tables with. They are
 * less than any file that can be opened again: no scale is counted, and neither are the position
 * table and the pooler's matrix.
 */
public final class NominalSize {
  private static final String WORDS = "embeddings.word_embeddings.weight";
  private static final String POSITIONS = "embeddings.position_embeddings.weight";
  private static final String POOLER = "pooler.dense.weight";
  private static final int WORD = 64;

  private NominalSize() {}

  /**
   * Bytes by the papers' rule: one bit for each weight of the word table and of the matrices of
   * encoder layers, four bytes for LayerNorms, biases and token types, nothing for the rest.
   *
   * @param shapes of the encoder's parameters by name, without a head
   */
  public static double bytes(Map<String, long[]> shapes) {
    double bytes = 0;
    for (Map.Entry<String, long[]> tensor : shapes.entrySet()) {
      final String name = tensor.getKey();
      if (name.equals(WORDS) || TensorSelector.isEncoderMatrix(name)) {
        bytes += elements(tensor.getValue()) / (double) Byte.SIZE;
      } else if (!name.equals(POSITIONS) && !name.equals(POOLER)) {
        bytes += Float.BYTES * (double) elements(tensor.getValue());
      }
    }
    return bytes;
  }

  /** Bytes of all parameters in float32. */
  public static double denseBytes(Map<String, long[]> shapes) {
    return shapes.values().stream()
        .mapToDouble(shape -> Float.BYTES * (double) elements(shape))
        .sum();
  }

  /**
   * Floating point operations of the products for one text; a multiplication and an addition count
   * as two.
   *
   * @param tokens length of the text
   */
  public static double operations(Map<String, long[]> shapes, int tokens) {
    double operations = 0;
    for (Map.Entry<String, long[]> tensor : shapes.entrySet()) {
      final long[] shape = tensor.getValue();
      if (TensorSelector.isEncoderMatrix(tensor.getKey())) {
        operations += 2.0 * tokens * elements(shape);
        if (tensor.getKey().endsWith("self.query.weight")) {
          operations += 4.0 * tokens * tokens * shape[0]; // scores and context
        }
      } else if (tensor.getKey().equals(POOLER)) {
        operations += 2.0 * elements(shape);
      }
    }
    return operations;
  }

  /**
   * The same by the rule of the field for few bits (Liu et al. 2018): a word processes 64 products
   * of bits at once. A unit of accounting, not a promise of speed.
   *
   * @param weights bits of a weight
   * @param activations bits of an activation
   */
  public static double operations(
      Map<String, long[]> shapes, int tokens, int weights, int activations) {
    return operations(shapes, tokens) * weights * activations / WORD;
  }

  private static long elements(long[] shape) {
    long n = 1;
    for (long size : shape) {
      n *= size;
    }
    return n;
  }
}
