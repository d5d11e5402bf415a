package dev.bantam.pruning;

import dev.bantam.model.DenseLinear;
import dev.bantam.model.LinearOperator;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A weight whose mask is learned (Sanh et al. 2020): {@code Y = X (M * W)^T}, M from a score S for
 * each weight or each block of weights, so that with {@code G = dL/d(M * W)}
 *
 * <pre>
 * dL/dS = sum over the block of G * W     straight through the mask, removed weights included
 * dL/dW = M * G
 * </pre>
 *
 * <p>{@link #backwardWeight} leaves G; {@link #gradients} makes both of it. The mask is taken from
 * the scores anew for each pass. Removed weights keep their values and may come back, until {@link
 * #apply}.
 */
final class MovementLinear implements LinearOperator, AutoCloseable {
  private final Floats weight;
  private final Floats masked;
  private final Floats scores;
  private final DenseLinear product;
  private final int height;
  private final int width;
  private final int across;
  private final boolean[] kept;
  private final boolean[] mask;
  private Rule rule = (s, m) -> java.util.Arrays.fill(m, true);

  /** Which blocks stay, by their scores. */
  @FunctionalInterface
  interface Rule {
    /**
     * Decides.
     *
     * @param scores row-major; minus infinity for blocks that are gone for good
     * @param mask out: whether a block stays
     */
    void apply(float[] scores, boolean[] mask);

    /** So many blocks of the highest scores stay; of equal ones at the threshold the first. */
    static Rule highest(int count) {
      return (scores, mask) -> HighestScores.mark(scores, count, mask);
    }

    /** Blocks with {@code sigmoid(score) > threshold} stay; threshold in [0, 1). */
    static Rule above(double threshold) {
      final double logit = StrictMath.log(threshold / (1 - threshold)); // 0 gives -infinity
      return (scores, mask) -> {
        for (int i = 0; i < mask.length; i++) {
          mask[i] = scores[i] > logit;
        }
      };
    }
  }

  /**
   * With all scores 0 and nothing removed.
   *
   * @param weight [outputs, inputs], kept and not copied
   * @param kept weights that are still there; others stay zero for good; kept and not copied
   * @param height rows of a block; divides the outputs
   * @param width columns of a block; divides the inputs
   */
  MovementLinear(INDArray weight, boolean[] kept, int height, int width) {
    this.weight = Floats.of(weight);
    this.masked = Floats.zeros(weight.size(0), weight.size(1));
    this.product = new DenseLinear(masked.array());
    this.height = height;
    this.width = width;
    this.across = product.inputs() / width;
    this.scores = Floats.zeros(weight.size(0) / height, across);
    this.kept = kept;
    this.mask = new boolean[scores.length()];
    measure();
  }

  /** The scores, [outputs / height, inputs / width]; live. */
  INDArray scores() {
    return scores.array();
  }

  /** Number of blocks. */
  int blocks() {
    return mask.length;
  }

  /** Rows of blocks: what {@link #gradients} is cut into. */
  int blockRows() {
    return mask.length / across;
  }

  /** What the mask is made by from the next pass on. */
  void rule(Rule next) {
    rule = next;
  }

  /** Whether a weight was there in the last pass. */
  boolean keeps(int row, int column) {
    return mask[row / height * across + column / width] && kept[row * inputs() + column];
  }

  /** Takes the mask from the scores as they are. */
  @Override
  public void measure() {
    final float[] values = Floats.toArray(scores.array());
    for (int block = 0; block < values.length; block++) {
      values[block] = anyKept(block) ? values[block] : Float.NEGATIVE_INFINITY;
    }
    rule.apply(values, mask);
  }

  private boolean anyKept(int block) {
    final int row = block / across * height;
    final int column = block % across * width;
    for (int r = row; r < row + height; r++) {
      for (int c = column; c < column + width; c++) {
        if (kept[r * inputs() + c]) {
          return true;
        }
      }
    }
    return false;
  }

  /**
   * Makes the gradients of weights and scores of some rows of blocks; calls on disjoint ones may
   * run at the same time.
   *
   * @param gradient in: G, out: dL/dW, [outputs, inputs]
   * @param ofScores out: dL/dS
   * @param penalty what {@code sum of sigmoid(S)} counts with in the loss
   * @return what it adds to the loss
   */
  double gradients(Floats gradient, Floats ofScores, double penalty, int from, int to) {
    final int columns = inputs();
    final float[] w = new float[columns];
    final float[] g = new float[columns];
    final float[] s = new float[across];
    double loss = 0;
    for (int blockRow = from; blockRow < to; blockRow++) {
      final double[] sums = new double[across];
      for (int r = blockRow * height; r < (blockRow + 1) * height; r++) {
        weight.read(r * columns, w, 0, columns);
        gradient.read(r * columns, g, 0, columns);
        for (int c = 0; c < columns; c++) {
          sums[c / width] += kept[r * columns + c] ? (double) g[c] * w[c] : 0;
          g[c] = keeps(r, c) ? g[c] : 0f;
        }
        gradient.write(r * columns, g, 0, columns);
      }
      scores.read(blockRow * across, s, 0, across);
      for (int b = 0; b < across; b++) {
        if (penalty > 0) {
          final double sigmoid = 1 / (1 + StrictMath.exp(-s[b]));
          sums[b] += penalty * sigmoid * (1 - sigmoid);
          loss += penalty * sigmoid;
        }
        s[b] = (float) sums[b];
      }
      ofScores.write(blockRow * across, s, 0, across);
    }
    return loss;
  }

  /** Takes the mask from the scores and writes zeros to the removed places of the weight. */
  void apply(Workers workers) {
    measure();
    workers.run(outputs(), (r, worker) -> copyMasked(weight, weight, r, r + 1));
  }

  private void copyMasked(Floats source, Floats target, int from, int to) {
    final float[] row = new float[inputs()];
    for (int r = from; r < to; r++) {
      source.read(r * row.length, row, 0, row.length);
      for (int c = 0; c < row.length; c++) {
        row[c] = keeps(r, c) ? row[c] : 0f;
      }
      target.write(r * row.length, row, 0, row.length);
    }
  }

  @Override
  public boolean prepares() {
    return true;
  }

  @Override
  public void prepare(int from, int to, boolean backward) {
    copyMasked(weight, masked, from, to);
    product.prepare(from, to, backward);
  }

  @Override
  public int inputs() {
    return product.inputs();
  }

  @Override
  public int outputs() {
    return product.outputs();
  }

  @Override
  public void forward(Matrix x, int rows, Matrix y, int from, int to) {
    product.forward(x, rows, y, from, to);
  }

  @Override
  public void forward(Matrix x, int rows, Matrix y, int from, int to, Epilogue epilogue) {
    product.forward(x, rows, y, from, to, epilogue);
  }

  @Override
  public void backwardInput(
      Matrix x, Matrix dy, int rows, Matrix dx, int from, int to, float beta, double[][] own) {
    product.backwardInput(x, dy, rows, dx, from, to, beta, own);
  }

  @Override
  public void backwardWeight(
      Matrix x, Matrix dy, int rows, Floats gradient, int from, int to, double[][] own) {
    product.backwardWeight(x, dy, rows, gradient, from, to, own);
  }

  /** The weights that are there and one bit for each block. */
  @Override
  public long storedBytes() {
    long left = 0;
    for (boolean stays : mask) {
      left += stays ? (long) height * width : 0;
    }
    return Float.BYTES * left + (mask.length + 7) / 8;
  }

  /** Frees the masked copy and the scores; the operator must not be part of a model any more. */
  @Override
  public void close() {
    masked.close();
    scores.close();
  }
}
