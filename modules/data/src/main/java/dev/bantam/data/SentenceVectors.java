package dev.bantam.data;

import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;
import dev.bantam.tensor.PackedProduct;
import dev.bantam.tensor.PackedWeight;
import dev.bantam.tensor.Workers;
import java.util.Arrays;

/**
 * One vector a text, and how near they are to each other. Immutable.
 *
 * <p>Work on all pairs is cut by the number of texts alone, and a cosine is one chain of {@code
 * fma} over the width: its bits depend on the two vectors and on nothing else.
 */
public final class SentenceVectors {
  /** Cosines that a piece of work holds at a time: 4 MB. */
  private static final int BUFFER = 1 << 20;

  private static final int MOST_ROWS = 256;

  /** Vectors that are packed in one piece of work. */
  private static final int PACKED_ROWS = 256;

  private final float[] values;
  private final int texts;
  private final int width;

  private SentenceVectors(float[] values, int texts, int width) {
    this.values = values;
    this.texts = texts;
    this.width = width;
  }

  /** Receives the cosines of one text with all others. */
  @FunctionalInterface
  interface RowSink {
    /**
     * Takes a row; called for every text once, from several threads.
     *
     * @param text number of the text
     * @param cosines holds the cosine with text j of the other set at {@code from + j}; owned by
     *     the caller, valid during the call
     */
    void accept(int text, float[] cosines, int from);
  }

  /**
   * Takes vectors.
   *
   * @param values [texts, width] row-major; kept, so the caller lets go of it
   * @param width length of a vector, at least 1
   */
  public static SentenceVectors of(float[] values, int width) {
    if (width < 1 || values.length % width != 0) {
      throw new IllegalArgumentException(values.length + " values in vectors of " + width);
    }
    return new SentenceVectors(values, values.length / width, width);
  }

  /** Number of texts. */
  public int size() {
    return texts;
  }

  /** Length of a vector. */
  public int width() {
    return width;
  }

  /** Whether all values are finite numbers; nothing else here is defined if they are not. */
  public boolean areFinite() {
    for (float value : values) {
      if (!Float.isFinite(value)) {
        return false;
      }
    }
    return true;
  }

  /** Every {@code step}-th vector, starting with number {@code from}. */
  SentenceVectors every(int step, int from) {
    final int n = (texts - from + step - 1) / step;
    final float[] some = new float[n * width];
    for (int i = 0; i < n; i++) {
      System.arraycopy(values, (from + i * step) * width, some, i * width, width);
    }
    return new SentenceVectors(some, n, width);
  }

  /**
   * Cosine of a vector with one of another set of the same width, in [-1, 1]; 0 if either has no
   * length. A vector has the cosine 1 with itself exactly: the root of a square is exact.
   */
  public double cosine(int text, SentenceVectors others, int other) {
    double product = 0;
    double squares = 0;
    double otherSquares = 0;
    for (int i = 0; i < width; i++) {
      final double a = values[text * width + i];
      final double b = others.values[other * width + i];
      product += a * b;
      squares += a * a;
      otherSquares += b * b;
    }
    final double lengths = Math.sqrt(squares * otherSquares);
    return lengths == 0 ? 0 : Math.max(-1, Math.min(1, product / lengths));
  }

  /**
   * Cosines, in float precision, of every vector with every one of another set.
   *
   * @param others of the same width
   * @param sink gets one row of cosines for each vector of this set
   */
  void cosines(SentenceVectors others, Workers workers, RowSink sink) {
    requireWidth(others);
    if (texts == 0) {
      return;
    }
    final Floats left = Floats.of(Floats.tensor(unit(), texts, width));
    try {
      final PackedWeight right = others.packed(workers);
      final int n = others.texts;
      final int rows = Math.max(1, Math.min(MOST_ROWS, BUFFER / Math.max(1, n)));
      workers.run(
          (texts + rows - 1) / rows,
          (piece, worker) -> {
            final int first = piece * rows;
            final int count = Math.min(rows, texts - first);
            final float[] block = new float[count * n];
            PackedProduct.ofThread()
                .run(
                    new Matrix(left, first * width, width),
                    count,
                    right,
                    0,
                    n,
                    (part, row, partRows, column, columns) -> {
                      for (int r = 0; r < partRows; r++) {
                        System.arraycopy(part, r * columns, block, (row + r) * n + column, columns);
                      }
                    });
            for (int r = 0; r < count; r++) {
              sink.accept(first + r, block, r * n);
            }
          });
    } finally {
      left.close();
    }
  }

  void requireWidth(SentenceVectors others) {
    if (others.width != width) {
      throw new IllegalArgumentException(
          "Vectors of " + width + " and of " + others.width + " values have no cosine");
    }
  }

  private PackedWeight packed(Workers workers) {
    final Floats units = Floats.of(Floats.tensor(unit(), texts, width));
    try {
      final PackedWeight packed = new PackedWeight(width, texts, Kernels.best());
      workers.run(
          (texts + PACKED_ROWS - 1) / PACKED_ROWS,
          (piece, worker) ->
              packed.packTransposed(
                  units, piece * PACKED_ROWS, Math.min(texts, (piece + 1) * PACKED_ROWS)));
      return packed;
    } finally {
      units.close();
    }
  }

  /** The vectors scaled to length 1; one without length stays as it is. */
  private float[] unit() {
    final float[] unit = Arrays.copyOf(values, values.length);
    for (int text = 0; text < texts; text++) {
      double squares = 0;
      for (int i = text * width; i < (text + 1) * width; i++) {
        squares += (double) values[i] * values[i];
      }
      if (squares > 0) {
        final double scale = 1 / Math.sqrt(squares);
        for (int i = text * width; i < (text + 1) * width; i++) {
          unit[i] = (float) (values[i] * scale);
        }
      }
    }
    return unit;
  }
}
