package dev.bantam.model;

import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A weight of which only some elements count: {@code Y = X (M * W)^T}, with the gradient of the
 * others exactly zero. Fine-tuning with it keeps a pruned model pruned; what the weight holds at
 * the removed places (even NaN) does not matter.
 *
 * <p>The weight stays live: each pass takes a masked copy of what it is then.
 */
public final class MaskedLinear implements LinearOperator, AutoCloseable {
  private static final int WORD = 64;

  private final Floats weight;
  private final Floats masked;
  private final DenseLinear product;
  private final long[] keep;
  private final int words;
  private final long kept;

  /**
   * @param weight [outputs, inputs], kept and not copied
   * @param keep which elements count, [outputs * inputs] row-major; copied
   */
  public MaskedLinear(INDArray weight, boolean[] keep) {
    if (weight.rank() != 2 || weight.length() != keep.length) {
      throw new IllegalArgumentException(
          "A mask of "
              + keep.length
              + " elements does not fit a weight of shape "
              + java.util.Arrays.toString(weight.shape()));
    }
    this.weight = Floats.of(weight);
    this.masked = Floats.zeros(weight.size(0), weight.size(1));
    this.product = new DenseLinear(masked.array());
    this.words = (product.inputs() + WORD - 1) / WORD;
    this.keep = new long[product.outputs() * words];
    long count = 0;
    for (int r = 0; r < product.outputs(); r++) {
      for (int c = 0; c < product.inputs(); c++) {
        if (keep[r * product.inputs() + c]) {
          this.keep[r * words + c / WORD] |= 1L << (c % WORD);
          count++;
        }
      }
    }
    this.kept = count;
    prepare(0, product.outputs(), false);
  }

  /** The mask that keeps what is not zero now. */
  public static MaskedLinear ofNonZeros(INDArray weight) {
    final float[] values = Floats.toArray(weight);
    final boolean[] keep = new boolean[values.length];
    for (int i = 0; i < values.length; i++) {
      keep[i] = values[i] != 0;
    }
    return new MaskedLinear(weight, keep);
  }

  /** Whether an element counts. */
  public boolean keeps(int row, int column) {
    return (keep[row * words + column / WORD] >>> (column % WORD) & 1) != 0;
  }

  /** Number of elements that count. */
  public long kept() {
    return kept;
  }

  /** Writes zeros to the removed places of the weight itself, e.g. before it is saved. */
  public void applyToWeight() {
    copyMasked(weight, weight, 0, product.outputs());
  }

  /** Frees the masked copy; the operator must not be part of a model any more. */
  @Override
  public void close() {
    masked.close();
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

  private void copyMasked(Floats source, Floats target, int from, int to) {
    final int inputs = product.inputs();
    final float[] row = new float[inputs];
    for (int r = from; r < to; r++) {
      source.read(r * inputs, row, 0, inputs);
      for (int c = 0; c < inputs; c++) {
        final int all = -(int) (keep[r * words + c / WORD] >>> (c % WORD) & 1);
        row[c] = Float.intBitsToFloat(Float.floatToRawIntBits(row[c]) & all);
      }
      target.write(r * inputs, row, 0, inputs);
    }
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
    copyMasked(gradient, gradient, from, to);
  }

  /** The elements that count and one bit for each element. */
  @Override
  public long storedBytes() {
    return 4 * kept + ((long) product.outputs() * product.inputs() + 7) / 8;
  }
}
