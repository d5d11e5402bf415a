package dev.bantam.model;

import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;

/**
 * One head of one sequence, as an {@link AttentionStrategy} sees it. Matrices are views into the
 * pass's memory; n is the length of the sequence.
 */
public final class AttentionHead {
  private final AttentionWork work;
  private final int sequence;
  private final int head;
  private final Scratch scratch;
  private final int piece;
  private final int n;
  private final int row;
  private final int scoresFrom;

  AttentionHead(AttentionWork work, int sequence, int head, int worker, int piece) {
    this.work = work;
    this.sequence = sequence;
    this.head = head;
    this.scratch = work.pass.scratch()[worker];
    this.piece = piece;
    this.n = work.pass.batch().length(sequence);
    this.row = work.pass.batch().offsets()[sequence];
    this.scoresFrom = work.pass.firstScore()[sequence] * work.heads + head * n * n;
  }

  /** Number of the sequence in the batch. */
  public int sequence() {
    return sequence;
  }

  /** Number of the head. */
  public int head() {
    return head;
  }

  /** n, the tokens of the sequence. */
  public int length() {
    return n;
  }

  /** d_h, the width of a head. */
  public int size() {
    return work.headSize;
  }

  /** {@code 1 / sqrt(d_h)}. */
  public float scale() {
    return (float) (1.0 / Math.sqrt(work.headSize));
  }

  /** Queries, [n, d_h]. */
  public Matrix query() {
    return projection(work.buffers.queryKeyValue, work.buffers.width, 0);
  }

  /** Keys, [n, d_h]. */
  public Matrix key() {
    return projection(work.buffers.queryKeyValue, work.buffers.width, 1);
  }

  /** Values, [n, d_h]. */
  public Matrix value() {
    return projection(work.buffers.queryKeyValue, work.buffers.width, 2);
  }

  /** Where the forward puts its result, and where the backward finds it, [n, d_h]. */
  public Matrix context() {
    return new Matrix(work.context, row * work.contextStride + head * size(), work.contextStride);
  }

  /** [n, n] from the forward to the backward; plain scratch in a pass without a backward. */
  public Matrix saved() {
    return work.pass.keep()
        ? new Matrix(work.buffers.probabilities, scoresFrom, n)
        : new Matrix(scratch.square(0, n * n), 0, n);
  }

  /** Scratch [n, n] number 0 or 1; number 0 is {@link #saved()} in a pass without a backward. */
  public Matrix square(int i) {
    return new Matrix(scratch.square(i, n * n), 0, n);
  }

  /** Scratch [n, columns] number 0 to 2, beside the squares; contents are left over. */
  public Matrix scratch(int i, int columns) {
    return new Matrix(scratch.square(2 + i, n * columns), 0, columns);
  }

  /** Scratch on the heap, number 0 to 3; contents are left over. */
  public float[] tile(int i, int length) {
    return scratch.tile(i, length);
  }

  /** The fused kernels. */
  public Kernels kernels() {
    return work.pass.kernels();
  }

  /** Gradient of the context, [n, d_h]. */
  public Matrix contextGradient() {
    return new Matrix(work.gradients.context, row * work.width + head * size(), work.width);
  }

  /** Where the backward puts the gradient of the queries, [n, d_h]. */
  public Matrix queryGradient() {
    return projection(work.gradients.queryKeyValue, work.width, 0);
  }

  /** Where the backward puts the gradient of the keys, [n, d_h]. */
  public Matrix keyGradient() {
    return projection(work.gradients.queryKeyValue, work.width, 1);
  }

  /** Where the backward puts the gradient of the values, [n, d_h]. */
  public Matrix valueGradient() {
    return projection(work.gradients.queryKeyValue, work.width, 2);
  }

  private Matrix projection(Floats buffer, int width, int which) {
    final int stride = 3 * width;
    return new Matrix(buffer, row * stride + which * width + head * size(), stride);
  }

  /** Gradients of the strategy's parameters, to be added to, one array for each in order. */
  public double[][] parameterGradients() {
    return work.own.of(piece);
  }

  /** Column {@code c} of the numbers of {@link AttentionStrategy#prepareRows}, [n]. */
  public float[] tokenColumn(int c) {
    final float[] column = new float[n];
    for (int t = 0; t < n; t++) {
      work.numbers.read((row + t) * work.tokenColumns + c, column, t, 1);
    }
    return column;
  }

  /** Sets the gradient of column {@code c}; each column is set by one head alone. */
  public void tokenColumnGradient(int c, float[] gradient) {
    for (int t = 0; t < n; t++) {
      work.numbersGradient.write((row + t) * work.tokenColumns + c, gradient, t, 1);
    }
  }

  /** Whether attention dropout is on. */
  public boolean drops() {
    return work.pass.dropout().active();
  }

  /**
   * Drops elements of some rows of an [n, n] matrix; the same call on their gradient is the
   * backward. Does nothing without dropout.
   *
   * @param tile rows {@code first} to {@code first + rows}, [rows, n]
   */
  public void dropout(float[] tile, int first, int rows) {
    final Pass.Dropout dropout = work.pass.dropout();
    if (dropout.active()) {
      work.pass
          .kernels()
          .dropout(
              tile,
              rows * n,
              dropout.at(work.layer, LayerForward.DROP_PROBABILITIES),
              scoresFrom + first * n,
              dropout.rate());
    }
  }

  /**
   * Whether something is done with the scores, which are scaled then: a bias by distance, or what
   * sits at {@code attention.scores}.
   */
  public boolean scoresAreScaled() {
    return work.scores != null || work.relative != null;
  }

  /**
   * Scales rows of {@code q k^T}, adds the bias by distance, and passes them through the site
   * {@code attention.scores}; does nothing unless {@link #scoresAreScaled}.
   */
  public void scores(float[] tile, int first, int rows) {
    if (!scoresAreScaled()) {
      return;
    }
    multiply(tile, rows * n, scale());
    if (work.relative != null) {
      work.relative.add(tile, first, rows, n, work.pass.batch().positions(), row, head);
    }
    if (work.scores != null) {
      work.scores.forward(tile(tile, first, rows), scoresFrom + first * n);
    }
  }

  /** From the gradient behind {@link #scores} to that of {@code q k^T}. */
  public void scoresBackward(float[] gradient, int first, int rows) {
    if (!scoresAreScaled()) {
      return;
    }
    if (work.scores != null) {
      work.scores.backward(tile(gradient, first, rows), scoresFrom + first * n, piece, scratch);
    }
    if (work.relative != null) {
      final int[] positions = work.pass.batch().positions();
      final float[] sums = work.relativeGradient.of(piece);
      work.relative.backward(gradient, first, rows, n, positions, row, head, sums);
    }
    multiply(gradient, rows * n, scale());
  }

  /** Whether probabilities are used in another form than {@link #saved()} holds. */
  public boolean changesProbabilities() {
    return work.probabilities != null || drops();
  }

  /** Passes rows through the site {@code attention.probabilities}. */
  public void probabilities(float[] tile, int first, int rows) {
    if (work.probabilities != null) {
      work.probabilities.forward(tile(tile, first, rows), scoresFrom + first * n);
    }
  }

  /** The backward of {@link #probabilities}. */
  public void probabilitiesBackward(float[] gradient, int first, int rows) {
    if (work.probabilities != null) {
      work.probabilities.backward(
          tile(gradient, first, rows), scoresFrom + first * n, piece, scratch);
    }
  }

  private Tile tile(float[] values, int first, int rows) {
    return new Tile(values, rows, n, sequence, head, first);
  }

  private static void multiply(float[] x, int count, float factor) {
    for (int i = 0; i < count; i++) {
      x[i] *= factor;
    }
  }
}
