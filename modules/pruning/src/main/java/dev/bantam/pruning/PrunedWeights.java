package dev.bantam.pruning;

import dev.bantam.compression.CompressionState;
import dev.bantam.tensor.Floats;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The matrices that a step prunes, on the heap, and which of their weights are still there. A
 * weight that an earlier step stored as a zero is gone; a zero of a dense model is not.
 */
final class PrunedWeights {
  private final List<String> names;
  private final float[][] weights;
  private final boolean[][] kept;
  private final float[][] before;

  /**
   * Takes copies of the live weights.
   *
   * @throws dev.bantam.tensor.BantamException (bad input) if a value is NaN or infinite
   */
  PrunedWeights(CompressionState state, List<String> names) {
    this.names = List.copyOf(names);
    this.weights = new float[names.size()][];
    this.kept = new boolean[names.size()][];
    this.before = new float[names.size()][];
    for (int t = 0; t < weights.length; t++) {
      weights[t] = state.finiteWeight(names.get(t));
      before[t] = weights[t].clone();
      kept[t] = new boolean[weights[t].length];
      final boolean pruned = state.form(names.get(t)).isPresent();
      for (int i = 0; i < kept[t].length; i++) {
        kept[t][i] = !pruned || weights[t][i] != 0f;
      }
    }
  }

  /** What it takes on the heap: the weights, those before, and the marks. */
  static long heapBytes(Map<String, long[]> matrices) {
    long weights = 0;
    for (long[] shape : matrices.values()) {
      weights += shape[0] * shape[1];
    }
    return weights * (2 * Float.BYTES + 1);
  }

  List<String> names() {
    return names;
  }

  /** Number of matrices. */
  int count() {
    return names.size();
  }

  /** Weights of a matrix, row-major; live. */
  float[] weights(int t) {
    return weights[t];
  }

  /** Weights of a matrix as they were before the step; not to be changed. */
  float[] before(int t) {
    return before[t];
  }

  /** Which weights of a matrix are still there; live. */
  boolean[] kept(int t) {
    return kept[t];
  }

  float[][] all() {
    return weights;
  }

  /** Weights of all matrices, those that are gone included. */
  long total() {
    long total = 0;
    for (float[] w : weights) {
      total += w.length;
    }
    return total;
  }

  /** Number of weights that are still there. */
  long left() {
    long left = 0;
    for (boolean[] k : kept) {
      for (boolean still : k) {
        left += still ? 1 : 0;
      }
    }
    return left;
  }

  /** Share of weights that are gone. */
  double sparsity() {
    return (double) (total() - left()) / total();
  }

  /** Takes weights out: they become zero and stay so. */
  void remove(int t, boolean[] removed) {
    for (int i = 0; i < removed.length; i++) {
      if (removed[i]) {
        kept[t][i] = false;
        weights[t][i] = 0f;
      }
    }
  }

  /** Whether any weight of any matrix is gone. */
  boolean isPruned() {
    for (int t = 0; t < kept.length; t++) {
      if (isPruned(t)) {
        return true;
      }
    }
    return false;
  }

  /** Whether any weight of a matrix is gone. */
  boolean isPruned(int t) {
    for (boolean still : kept[t]) {
      if (!still) {
        return true;
      }
    }
    return false;
  }

  /** Copies the weights into the live model. */
  void write(Map<String, INDArray> live) {
    for (int t = 0; t < weights.length; t++) {
      write(live, t);
    }
  }

  /** Copies the weights of one matrix into the live model. */
  void write(Map<String, INDArray> live, int t) {
    Floats.of(live.get(names.get(t))).write(0, weights[t], 0, weights[t].length);
  }

  /** Takes the weights from the live model; what is zero there is gone. */
  void readZeros(Map<String, INDArray> live) {
    for (int t = 0; t < weights.length; t++) {
      Floats.of(live.get(names.get(t))).read(0, weights[t], 0, weights[t].length);
      for (int i = 0; i < weights[t].length; i++) {
        kept[t][i] = weights[t][i] != 0f;
      }
    }
  }

  /** Takes the weights from the live model; those that are gone stay zero. */
  void read(Map<String, INDArray> live) {
    for (int t = 0; t < weights.length; t++) {
      Floats.of(live.get(names.get(t))).read(0, weights[t], 0, weights[t].length);
      for (int i = 0; i < weights[t].length; i++) {
        weights[t][i] = kept[t][i] ? weights[t][i] : 0f;
      }
    }
  }
}
