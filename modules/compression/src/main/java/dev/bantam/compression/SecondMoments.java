package dev.bantam.compression;

import dev.bantam.tensor.Blas;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;

/**
 * {@code H = 2/N sum over rows x of x x^T}, N the number of texts: the Hessian of the squared error
 * of a text that a change of a linear layer's weights makes at its output, the same for each of its
 * rows.
 *
 * <p>Products of one batch are added in float32, batches in float64. Off-heap memory is that of a
 * panel for each thread.
 */
public final class SecondMoments implements AutoCloseable {
  private static final int PANEL = 128;

  private final int n;
  private final double[] sums;
  private final Workers workers;
  private final Floats[] panels;
  private long texts;

  /**
   * @param n inputs of the layer
   */
  public SecondMoments(int n, Workers workers) {
    this.n = n;
    this.sums = new double[Math.multiplyExact(n, n)];
    this.workers = workers;
    this.panels = new Floats[workers.threads()];
  }

  /** Bytes on the heap. */
  public static long heapBytes(long n) {
    return n * n * Double.BYTES;
  }

  /**
   * Adds a batch.
   *
   * @param x [rows, n] from position 0
   * @param count texts that the rows are of
   */
  public void add(Floats x, int rows, int count) {
    texts += count;
    workers.run((n + PANEL - 1) / PANEL, (piece, worker) -> addPanel(x, rows, piece, worker));
  }

  /** Rows of H from the panel's first, columns from the diagonal on. */
  private void addPanel(Floats x, int rows, int piece, int worker) {
    final int from = piece * PANEL;
    final int height = Math.min(PANEL, n - from);
    final int width = n - from;
    if (panels[worker] == null) {
      panels[worker] = Floats.zeros(PANEL, n);
    }
    final Floats panel = panels[worker];
    final Matrix input = new Matrix(x, from, n);
    Blas.gemm(true, false, height, width, rows, 1f, input, input, 0f, new Matrix(panel, 0, width));
    final float[] line = new float[width];
    for (int i = 0; i < height; i++) {
      panel.read(i * width, line, 0, width);
      for (int j = i; j < width; j++) {
        sums[(from + i) * n + from + j] += line[j];
      }
    }
  }

  /** Inputs of the layer. */
  public int size() {
    return n;
  }

  /** Element (i, j). */
  public double at(int i, int j) {
    return 2 * (i <= j ? sums[i * n + j] : sums[j * n + i]) / texts;
  }

  /** Frees the panels; the sums stay. */
  @Override
  public void close() {
    for (int i = 0; i < panels.length; i++) {
      if (panels[i] != null) {
        panels[i].close();
        panels[i] = null;
      }
    }
  }
}
